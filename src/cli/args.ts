/**
 * Reads a task's options from its argument vector and its YAML file, for any option table. Values are
 * left as they were typed: `resolveOptions` turns and checks them, and reports all faults at once.
 * @module
 */
import { parseArgs } from "@std/cli";
import { parseDocument } from "yaml";
import { ConfigError } from "../errors.ts";
import { booleanWord, coerce } from "../train/coerce.ts";
import type { Option, OptionLayer } from "../train/options.ts";

/** What the argument vector says. */
export interface Flags {
  /** Whether `--help` or `-h` is given. */
  readonly help: boolean;
  readonly layer: OptionLayer;
}

// `--name` or `--name=value`; a text such as "--a comment" in the place of a value is no option.
const OPTION = /^--([A-Za-z][\w.-]*)(=.*)?$/s;

/**
 * Reads `--name value`, `--name=value`, `--switch`, `--no-switch` and `--list a b c`; hyphens in names
 * stand for underscores. Nothing is checked here except that no argument is left over.
 */
export function readFlags(argv: readonly string[], options: readonly Option[]): Flags {
  const byName = new Map(options.map((option) => [option.name, option]));
  const { _: rest, help, h: _h, ...values } = parseArgs(plainForm(argv, byName), {
    string: ["_", ...byName.keys()],
    boolean: ["help"],
    alias: { h: "help" },
  });
  const faults = rest.filter((text) => text !== "").map((text) =>
    `Cannot use the argument ${JSON.stringify(text)}: it belongs to no option; ` +
    "write --name value, with quotes around a value that has spaces"
  );
  return { help: help === true, layer: { source: "flags", values, faults } };
}

// What only the option table can tell apart, in the form that needs no table: `--name=value`.
function plainForm(argv: readonly string[], byName: ReadonlyMap<string, Option>): string[] {
  const plain: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    if (argv[i] === "--") return [...plain, ...argv.slice(i)];
    const match = OPTION.exec(argv[i]);
    if (!match) {
      plain.push(argv[i]);
      continue;
    }
    const name = match[1].replaceAll("-", "_");
    const [kind, negated] = [byName.get(name)?.kind, byName.get(name.replace(/^no_/, ""))];
    const next: string | undefined = argv[i + 1];
    if (match[2] !== undefined) {
      plain.push(`--${name}${match[2]}`);
    } else if (kind === undefined && negated?.kind === "boolean") {
      plain.push(`--${negated.name}=false`);
    } else if (kind === "boolean") {
      const word = next !== undefined && booleanWord(next) !== undefined;
      plain.push(`--${name}=${word ? next : true}`);
      if (word) i++;
    } else if (kind === "list") {
      const items = takeWhile(argv.slice(i + 1), (text) => !isOption(text));
      plain.push(items.length > 0 ? `--${name}=${items.join(",")}` : `--${name}`);
      i += items.length;
    } else if (next?.startsWith("-") && !isOption(next)) {
      // A negative number, or a text that starts with a dash.
      plain.push(`--${name}=${next}`);
      i++;
    } else {
      plain.push(`--${name}`);
    }
  }
  return plain;
}

const isOption = (text: string) => text === "--" || text === "-h" || OPTION.test(text);

function takeWhile(items: readonly string[], test: (item: string) => boolean): readonly string[] {
  const end = items.findIndex((item) => !test(item));
  return end < 0 ? items : items.slice(0, end);
}

/**
 * Reads a YAML file of options: one flat mapping.
 *
 * @throws {ConfigError} if the file is missing, is not YAML (with the lines), or is no mapping
 */
export function readConfigFile(path: string): OptionLayer {
  const document = parseDocument(attempt(path, () => Deno.readTextFileSync(path)));
  if (document.errors.length > 0) {
    throw new ConfigError(document.errors.map(({ message, linePos }) =>
      // The library's message goes on with an excerpt of the file.
      `Cannot read ${path}, line ${linePos?.[0].line ?? 1}: ${message.split(/ at line |\n/)[0]}`
    ));
  }
  const values: unknown = attempt(path, () => document.toJS()) ?? {};
  if (typeof values !== "object" || Array.isArray(values)) {
    throw new ConfigError([
      `Cannot read ${path}: it is not a mapping; write one "option: value" a line`,
    ]);
  }
  return { source: "file", name: path, values: { ...values } };
}

function attempt<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError([`Cannot read ${path}: ${reason}; check --config`], { cause: error });
  }
}

/**
 * The layers of a task, file before flags, for `resolveOptions` or `resolveTrainConfig`. With `help`
 * the file is not read.
 *
 * @throws {ConfigError} if the file of `--config` cannot be read
 */
export function readLayers(
  argv: readonly string[],
  options: readonly Option[],
): { help: boolean; layers: OptionLayer[] } {
  const { help, layer } = readFlags(argv, options);
  // "none" means no file, as in every option that may be unset.
  const path = coerce(layer.values.config, { kind: "text", nullable: true, default: null });
  if (help || typeof path !== "string" || path === "") return { help, layers: [layer] };
  return { help, layers: [readConfigFile(path), layer] };
}
