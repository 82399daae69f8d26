/**
 * Tables as HTML that wraps instead of overflowing, with plain text beside it.
 * @module
 */
import { escapeHtml } from "../eval/report/svg.ts";
import { type View, view } from "./view.ts";

/** A cell of a table: text, code (SQL, prompts), or a mark that is good or bad. */
export type Cell = string | number | null | {
  readonly text: string;
  readonly as: "code" | "good" | "bad" | "soft";
};

/** A table. */
export interface TableOptions {
  readonly title?: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
  /** Said below the table. */
  readonly note?: string;
}

/** Characters of a cell in the plain text; code is there in full in the HTML. */
const TEXT_WIDTH = { code: 60, words: 300 } as const;

/** Readable on light and on dark paper. */
const COLOURS = { good: "#2b9152", bad: "#d0493c", soft: "#808b99" } as const;

/** A view of a table. Numbers stand right, all else left. */
export function tableView(options: TableOptions): View {
  return view({ "text/plain": tableText(options), "text/html": tableHtml(options) });
}

/** Facts, one a line. */
export function factsView(
  title: string,
  facts: readonly (readonly [name: string, value: Cell])[],
  note?: string,
): View {
  return tableView({ title, columns: ["", ""], rows: facts, note });
}

/** A table as HTML. */
export function tableHtml({ title, columns, rows, note }: TableOptions): string {
  const numeric = columns.map((_, i) =>
    rows.length > 0 && rows.every((row) => typeof row[i] === "number" || row[i] === null) &&
    rows.some((row) => row[i] !== null)
  );
  const style = (i: number, cell: Cell = null) =>
    `${isShort(cell) ? "white-space:nowrap;" : ""}text-align:${
      numeric[i] ? "right" : "left"
    };vertical-align:top;padding:3px 14px 3px 0;` +
    "overflow-wrap:anywhere;max-width:44em";
  const head = columns.every((name) => name === "")
    ? ""
    : `<thead><tr>${
      columns.map((name, i) =>
        `<th style="white-space:nowrap;${style(i)}">${escapeHtml(name)}</th>`
      ).join("")
    }</tr></thead>`;
  const body = rows.map((row) =>
    `<tr>${
      row.map((cell, i) => `<td style="${style(i, cell)}">${cellHtml(cell)}</td>`).join("")
    }</tr>`
  ).join("\n");
  return `<div style="max-width:100%;overflow-x:auto">` +
    (title ? `<div style="font-weight:600;margin:4px 0">${escapeHtml(title)}</div>` : "") +
    `<table style="margin:0;border-collapse:collapse">${head}<tbody>${body}</tbody></table>` +
    (note ? `<div style="color:${COLOURS.soft};margin:4px 0">${escapeHtml(note)}</div>` : "") +
    "</div>";
}

/** Names and numbers, which are not to be broken. */
function isShort(cell: Cell): boolean {
  return cell !== null && typeof cell !== "object" && String(cell).length <= 20;
}

function cellHtml(cell: Cell): string {
  if (cell === null) return "";
  if (typeof cell !== "object") return escapeHtml(String(cell)).replaceAll("\n", "<br>");
  const text = escapeHtml(cell.text);
  if (cell.as === "code") {
    return `<code style="white-space:pre-wrap;overflow-wrap:anywhere;padding:0;background:none">` +
      `${text}</code>`;
  }
  return `<span style="color:${COLOURS[cell.as]};${cell.as === "soft" ? "" : "font-weight:600"}">` +
    `${text}</span>`;
}

/** A table as text in columns. */
export function tableText({ title, columns, rows, note }: TableOptions): string {
  const head = columns.every((name) => name === "") ? [] : [columns];
  const lines = [...head, ...rows].map((row) => row.map((cell) => cellText(cell as Cell)));
  const widths = columns.map((_, i) => Math.max(0, ...lines.map((line) => (line[i] ?? "").length)));
  const text = lines.map((line) => line.map((cell, i) => cell.padEnd(widths[i])).join("  "));
  return [...(title ? [title] : []), ...text, ...(note ? [note] : [])]
    .map((line) => line.trimEnd()).join("\n");
}

function cellText(cell: Cell): string {
  const whole = cell === null ? "" : typeof cell === "object" ? cell.text : String(cell);
  const line = whole.replace(/\s+/g, " ").trim();
  const code = typeof cell === "object" && cell?.as === "code";
  const width = code ? TEXT_WIDTH.code : TEXT_WIDTH.words;
  return line.length > width ? `${line.slice(0, width - 1)}…` : line;
}
