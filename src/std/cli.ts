/**
 * The part of `@std/cli` that this project uses, over `node:util`, so that a clone works where JSR is
 * not reachable. To use the original, point `@std/cli` in `deno.json` at `jsr:@std/cli@1`.
 * @module
 */
import { parseArgs as tokenize } from "node:util";

/** Which names are texts or booleans, and which are other names for them. */
export interface ParseOptions {
  /** Names whose value stays a text, also when it looks like a number; `_` for the positionals. */
  readonly string?: readonly string[];
  /** Names that take no value, except the literal words `true` and `false`. */
  readonly boolean?: readonly string[];
  /** Short name → name. Both are set in the result. */
  readonly alias?: Readonly<Record<string, string>>;
}

/** Options by name, and the positional arguments under `_`. */
export type Args = Record<string, unknown> & { _: (string | number)[] };

const isBooleanWord = (text: string) => text === "true" || text === "false";
const isNumeric = (text: string) =>
  /^0x[0-9a-f]+$/i.test(text) || /^[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?$/.test(text);

/**
 * Splits an argument vector into options and positionals. An option takes the next argument as its
 * value unless that starts with `-` or the option is boolean; a text option without one is `""`, any
 * other is `true`; the last of a repeated option wins; everything after `--` is positional.
 */
export function parseArgs(args: readonly string[], options: ParseOptions = {}): Args {
  const texts = new Set(options.string);
  const booleans = new Set(options.boolean);
  const aliases = options.alias ?? {};
  const result: Args = { _: [] };
  const typed = (name: string, text: string) =>
    !texts.has(name) && isNumeric(text) ? Number(text) : text;
  const set = (name: string, value: unknown) => {
    const other = Object.hasOwn(aliases, name) ? aliases[name] : name;
    result[name] = result[other] = value;
  };

  const { tokens } = tokenize({ args: [...args], strict: false, tokens: true });
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i];
    if (token.kind === "positional") result._.push(typed("_", token.value));
    if (token.kind !== "option") continue;
    const { name } = token;
    if (token.inlineValue) {
      const value = token.value as string;
      set(name, booleans.has(name) ? value !== "false" : typed(name, value));
      continue;
    }
    const next = tokens[i + 1];
    const follows = next?.kind === "positional" && next.index === token.index + 1;
    if (follows && next.value !== "" && (!booleans.has(name) || isBooleanWord(next.value))) {
      set(name, booleans.has(name) ? next.value === "true" : typed(name, next.value));
      i++;
    } else {
      set(name, texts.has(name) ? "" : true);
    }
  }
  return result;
}
