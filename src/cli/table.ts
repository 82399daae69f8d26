/**
 * Rows as a table for people to read. All functions are pure.
 * @module
 */
import type { SqlValue } from "../sql/database.ts";
import { formatValue } from "../sql/ddl.ts";

/** What to lay out. */
export interface TableRows {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly SqlValue[])[];
}

/** Columns of text that no column of a table gets less than. */
const NARROWEST = 6;

// A wide character takes two columns of a terminal, one that joins the character before it none.
const WIDE = new RegExp(
  "[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60" +
    "\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]",
  "u",
);
const JOINING = /[\p{M}\u200d\ufe0f]/u;
// Of control characters, and of those that turn the direction of the text around them.
const HIDDEN = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;

/** The text with what a terminal would obey, or not show, written as escapes. */
export function printable(text: string): string {
  return text.replace(HIDDEN, (character) => {
    const short = { "\n": "\\n", "\r": "\\r", "\t": "\\t" }[character];
    return short ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

/**
 * The rows under their columns, numbers to the right, in lines of at most `width` where the columns
 * are not too many for that; longer values end in `…`.
 */
export function formatTable({ columns, rows }: TableRows, width: number): string {
  const lines = [columns.map(printable), ...rows.map((row) => row.map(cellText))];
  const natural = columns.map((_, i) => Math.max(1, ...lines.map((line) => textWidth(line[i]))));
  const widths = shrink(natural, width - 2 * (columns.length - 1));
  const right = columns.map((_, i) =>
    rows.some((row) => isNumber(row[i])) &&
    rows.every((row) => row[i] === null || isNumber(row[i]))
  );
  const [header, ...body] = lines.map((line) =>
    line.map((text, i) => pad(cut(text, widths[i]), widths[i], right[i])).join("  ").trimEnd()
  );
  return [header, widths.map((width) => "─".repeat(width)).join("  "), ...body].join("\n");
}

const isNumber = (value: SqlValue) => typeof value === "number" || typeof value === "bigint";

function cellText(value: SqlValue): string {
  if (value instanceof Uint8Array) return formatValue(value);
  return value === null ? "NULL" : printable(String(value));
}

/** Takes from the widest columns until all fit into `room`, or are narrow. */
function shrink(natural: readonly number[], room: number): number[] {
  const widths = [...natural];
  let excess = widths.reduce((sum, width) => sum + width, 0) - room;
  while (excess > 0) {
    const widest = Math.max(...widths);
    if (widest <= NARROWEST) break;
    const next = Math.max(NARROWEST, ...widths.filter((width) => width < widest));
    const at = widths.flatMap((width, i) => width === widest ? [i] : []);
    const each = Math.min(widest - next, Math.ceil(excess / at.length));
    for (const i of at) widths[i] -= each;
    excess -= each * at.length;
  }
  return widths;
}

function textWidth(text: string): number {
  let width = 0;
  for (const character of text) width += characterWidth(character);
  return width;
}

function characterWidth(character: string): number {
  return JOINING.test(character) ? 0 : WIDE.test(character) ? 2 : 1;
}

function cut(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  let kept = "", used = 1; // the ellipsis
  for (const character of text) {
    used += characterWidth(character);
    if (used > width) break;
    kept += character;
  }
  return `${kept}…`;
}

function pad(text: string, width: number, right: boolean): string {
  const blank = " ".repeat(Math.max(0, width - textWidth(text)));
  return right ? blank + text : text + blank;
}
