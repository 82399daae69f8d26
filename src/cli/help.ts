/**
 * The text of `--help`, made from an option table.
 * @module
 */
import type { Option } from "../train/options.ts";

/** What `--help` prints. */
export interface HelpText {
  /** `deno task train --base_model DIR --train_path FILE [options]`. */
  readonly usage: string;
  /** What the task does, one or two sentences. */
  readonly summary: string;
  readonly options: readonly Option[];
  /** Command lines to show at the end. */
  readonly examples?: readonly string[];
}

const WIDTH = 100;
const COLUMN = 36;

/** Lays the options out in two columns under the headings of their groups, 100 columns wide. */
export function helpText({ usage, summary, options, examples = [] }: HelpText): string {
  const groups = Map.groupBy(options, (option) => option.group);
  const sections = [...groups].map(([group, members]) =>
    [`${group}:`, ...members.flatMap(describeOption)].join("\n")
  );
  const blocks = [
    wrap(summary, WIDTH).join("\n"),
    `Usage: ${usage}`,
    ...sections,
    ...(examples.length > 0
      ? [["Examples:", ...examples.map((line) => `  ${line}`)].join("\n")]
      : []),
    wrap(
      "A name may be written with hyphens. --switch alone means true, --no-switch means false. " +
        "Exit codes: 0 done, 1 failed, 2 wrong use, 130 interrupted.",
      WIDTH,
    ).join("\n"),
  ];
  return `${blocks.join("\n\n")}\n`;
}

function describeOption(option: Option): string[] {
  const left = `  --${option.name}${option.value ? ` ${option.value}` : ""}`;
  const { default: value } = option;
  const fallback = value === null || value === undefined ? "" : ` [${showDefault(value)}]`;
  const right = wrap(option.description + fallback, WIDTH - COLUMN);
  // A description starts beside its option where that leaves two spaces, else on the next line.
  const beside = left.length <= COLUMN - 2;
  const lines = beside ? [left.padEnd(COLUMN) + right[0]] : [left, " ".repeat(COLUMN) + right[0]];
  return [...lines, ...right.slice(1).map((line) => " ".repeat(COLUMN) + line)];
}

function showDefault(value: unknown): string {
  if (Array.isArray(value)) return value.join(","); // as it is typed
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** Breaks `text` at spaces into lines of at most `width` characters; a longer word stays whole. */
export function wrap(text: string, width: number): string[] {
  const lines = [""];
  for (const word of text.split(/\s+/)) {
    const line = lines[lines.length - 1];
    if (line === "") lines[lines.length - 1] = word;
    else if (line.length + 1 + word.length <= width) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines;
}
