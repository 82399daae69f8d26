/**
 * The files of a Hugging Face tokenizer folder: reading them, and what tokenizer_config.json says.
 * @module
 */
import { FormatError } from "../errors.ts";
import { isLfsPointer, lfsPointerError } from "../formats/byte_source.ts";
import { isObject } from "./tokenizer_json.ts";

/** A file of the tokenizer, as it was found. */
export interface TokenizerFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** What a tokenizer is made from. */
export interface TokenizerSource {
  /** The parsed tokenizer.json. */
  readonly json: unknown;
  /** The parsed tokenizer_config.json. */
  readonly config?: unknown;
  /** Where it came from, for messages. */
  readonly name?: string;
  /** Takes precedence over the template in `config`. */
  readonly chatTemplate?: string | null;
  /** The original files; by default `json` and `config` are written anew. */
  readonly files?: readonly TokenizerFile[];
}

/** What this project uses of a tokenizer_config.json. */
export interface TokenizerConfig {
  readonly bosToken: string;
  readonly eosToken: string;
  readonly unkToken: string | null;
  readonly padToken: string | null;
  /** All the tokens that it names, special by that. */
  readonly specialTokens: readonly string[];
  readonly chatTemplate: string | null;
}

/**
 * Reads tokenizer.json and, where they exist, tokenizer_config.json, special_tokens_map.json (used
 * for what the former leaves out) and chat_template.jinja of `directory`.
 *
 * Throws FormatError where tokenizer.json is missing or a file is not UTF-8 or not JSON.
 */
export async function readTokenizerFiles(directory: string): Promise<Required<TokenizerSource>> {
  const files: TokenizerFile[] = [];
  const read = async (name: string): Promise<string | null> => {
    const bytes = await readIfThere(`${directory}/${name}`);
    if (bytes === null) return null;
    if (isLfsPointer(bytes)) throw lfsPointerError(`${directory}/${name}`);
    files.push({ name, bytes });
    try {
      return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    } catch (cause) {
      throw fileError(`${directory}/${name}`, "it is not valid UTF-8", cause);
    }
  };
  const readJson = async (name: string): Promise<Record<string, unknown> | null> => {
    const text = await read(name);
    if (text === null) return null;
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw fileError(`${directory}/${name}`, `it is not valid JSON (${reason})`, cause);
    }
    if (!isObject(value)) throw fileError(`${directory}/${name}`, "it is not a JSON object");
    return value;
  };

  const name = `${directory}/tokenizer.json`;
  const json = await readJson("tokenizer.json");
  if (json === null) {
    throw new FormatError(
      `Cannot load the tokenizer: there is no ${name}; put the model's tokenizer.json there ` +
        `(transformers makes one: AutoTokenizer.from_pretrained(MODEL).save_pretrained(FOLDER))`,
      { file: name },
    );
  }
  const config = await readJson("tokenizer_config.json");
  const map = await readJson("special_tokens_map.json");
  const chatTemplate = await read("chat_template.jinja");
  return { json, config: { ...map, ...config }, name, chatTemplate, files };
}

/** Checks the parsed `config`; undefined stands for an empty one. Throws FormatError. */
export function parseTokenizerConfig(config: unknown = {}, name: string): TokenizerConfig {
  const fail = (what: string) =>
    new FormatError(
      `Cannot use the tokenizer ${name}: in its tokenizer_config.json ${what}; correct it`,
      { file: name },
    );
  if (!isObject(config)) throw fail("there is no object");
  const token = (value: unknown, key: string): string | null => {
    if (value === undefined || value === null) return null;
    const content = isObject(value) ? value.content : value;
    if (typeof content !== "string" || content === "") throw fail(`${key} is not a token`);
    return content;
  };
  const bosToken = token(config.bos_token, "bos_token") ?? "<s>";
  const eosToken = token(config.eos_token, "eos_token") ?? "</s>";
  const unkToken = token(config.unk_token, "unk_token");
  const padToken = token(config.pad_token, "pad_token");
  const additional = config.additional_special_tokens ?? [];
  if (!Array.isArray(additional)) throw fail("additional_special_tokens is not a list");
  const more = additional.map((value) => token(value, "an entry of additional_special_tokens"));
  return {
    bosToken,
    eosToken,
    unkToken,
    padToken,
    specialTokens: [bosToken, eosToken, unkToken, padToken, ...more].filter((t) => t !== null),
    chatTemplate: defaultTemplate(config.chat_template, fail),
  };
}

/** A template is a string, or a list of named ones of which "default" is meant. */
function defaultTemplate(template: unknown, fail: (what: string) => FormatError): string | null {
  if (template === undefined || template === null) return null;
  const chosen = Array.isArray(template)
    ? template.find((entry) => isObject(entry) && entry.name === "default")?.template
    : template;
  if (typeof chosen !== "string") throw fail(`chat_template has no template named "default"`);
  return chosen;
}

/** The files of a tokenizer that was not read from any. */
export function writeTokenizerFiles(source: TokenizerSource): TokenizerFile[] {
  const file = (name: string, value: unknown): TokenizerFile => ({
    name,
    bytes: new TextEncoder().encode(JSON.stringify(value, null, 2) + "\n"),
  });
  const files = [file("tokenizer.json", source.json)];
  if (source.config !== undefined) files.push(file("tokenizer_config.json", source.config));
  return files;
}

async function readIfThere(path: string): Promise<Uint8Array | null> {
  try {
    return await Deno.readFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return null;
    }
    throw fileError(path, String(error), error);
  }
}

function fileError(path: string, what: string, cause?: unknown): FormatError {
  return new FormatError(
    `Cannot load the tokenizer: in ${path}, ${what}; download the file again`,
    { file: path },
    { cause },
  );
}
