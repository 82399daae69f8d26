/**
 * The environment variables of Python's huggingface_hub, with its meanings and defaults, so that both
 * use one cache and one token.
 * @module
 */
import { join } from "node:path";
import { ConfigError } from "../errors.ts";
import { HUB_ENDPOINT, type HubOptions } from "../formats/hub.ts";

/** What the environment decides of a download. */
export type HubEnvironment = Required<
  Pick<HubOptions, "cacheDirectory" | "endpoint" | "offline" | "token">
>;

/** Where variables and the token file are read from. */
export interface EnvironmentSource {
  get(variable: string): string | undefined;
  /** The text of a file, or null where there is none. */
  readText(path: string): Promise<string | null>;
}

/**
 * Reads HF_HOME, HF_HUB_CACHE, HF_ENDPOINT, HF_HUB_OFFLINE and HF_TOKEN, their older names, and the
 * token that `hf auth login` wrote.
 *
 * @throws {ConfigError} where there is no folder to cache in
 */
export async function hubEnvironment(
  source: EnvironmentSource = thisProcess,
): Promise<HubEnvironment> {
  const first = (...names: string[]) => names.map((name) => source.get(name)).find(Boolean);
  const path = (text: string) => expand(text, source);
  const home = path(
    first("HF_HOME") ?? join(first("XDG_CACHE_HOME") ?? join("~", ".cache"), "huggingface"),
  );
  const given = first("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN");
  const implicit = !isTrue(first("HF_HUB_DISABLE_IMPLICIT_TOKEN"));
  const tokenFile = path(first("HF_TOKEN_PATH") ?? join(home, "token"));
  const token = implicit ? given ?? await source.readText(tokenFile) : null;
  return {
    cacheDirectory: path(first("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE") ?? join(home, "hub")),
    endpoint: first("HF_ENDPOINT") ?? HUB_ENDPOINT,
    offline: isTrue(first("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")),
    token: token?.trim() || null,
  };
}

function isTrue(value: string | undefined): boolean {
  return /^(1|on|yes|true)$/i.test(value ?? "");
}

/** Replaces `~` at the start, and `$NAME` and `${NAME}` where they are set. */
function expand(path: string, source: EnvironmentSource): string {
  const expanded = path.replace(
    /\$(?:(\w+)|\{(\w+)\})/g,
    (whole, bare, braced) => source.get(bare ?? braced) ?? whole,
  );
  if (!/^~(?=$|[/\\])/.test(expanded)) return expanded;
  const home = source.get("HOME") ?? source.get("USERPROFILE");
  if (home) return join(home, expanded.slice(1));
  throw new ConfigError([
    "Cannot find the Hugging Face cache: neither HOME nor HF_HOME is set; set HF_HOME to a folder",
  ]);
}

const thisProcess: EnvironmentSource = {
  get: (variable) => Deno.env.get(variable),
  async readText(path) {
    try {
      return await Deno.readTextFile(path);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return null;
      throw error;
    }
  },
};
