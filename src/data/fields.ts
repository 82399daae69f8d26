/**
 * Takes the fields of an example out of a parsed row and says what is wrong with a row that lacks one.
 * @module
 */
import { createHash } from "node:crypto";
import { isJsonObject } from "../formats/json.ts";
import type { Place, RowFault, RowFaultKind } from "./example.ts";

/** Characters of one field at most; longer ones are no questions or queries. */
export const MAX_TEXT_LENGTH = 200_000;

/** A row that cannot become an example; readers turn it into a {@linkcode RowFault}. */
class BadRow extends Error {
  readonly kind: RowFaultKind;
  constructor(kind: RowFaultKind, detail: string) {
    super(detail);
    this.kind = kind;
  }
}

/** Ends the reading of a row: it is no example, for the reason `detail`. */
export function badRow(kind: RowFaultKind, detail: string): never {
  throw new BadRow(kind, detail);
}

/** What `read` makes of `value`, or the fault that it met. */
export function readRow<T>(
  value: unknown,
  place: Place,
  read: (fields: Readonly<Record<string, unknown>>) => T,
): T | RowFault {
  try {
    if (!isJsonObject(value)) badRow("bad_row", "the row is no object");
    return read(value as Readonly<Record<string, unknown>>);
  } catch (error) {
    if (!(error instanceof BadRow)) throw error;
    return { fault: error.kind, detail: error.message, place };
  }
}

/** The text of the first of `keys` that is there; a fault of `kind` where none is or it is blank. */
export function textField(
  fields: Readonly<Record<string, unknown>>,
  keys: readonly string[],
  kind: RowFaultKind,
): string {
  const key = keys.find((key) => fields[key] !== undefined && fields[key] !== null);
  if (key === undefined) return badRow(kind, `the row has no ${keys.join(" or ")}`);
  const value = fields[key];
  if (typeof value !== "string") return badRow("bad_row", `${key} is no text`);
  if (value.trim() === "") return badRow(kind, `${key} is empty`);
  return checkText(value, key);
}

/** The text of `key`, or undefined where it is absent or blank. */
export function optionalText(
  fields: Readonly<Record<string, unknown>>,
  key: string,
): string | undefined {
  const value = fields[key];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "string") return badRow("bad_row", `${key} is no text`);
  return value.trim() === "" ? undefined : checkText(value, key);
}

function checkText(value: string, key: string): string {
  if (value.length > MAX_TEXT_LENGTH) {
    return badRow("too_long", `${key} has ${value.length} characters, over ${MAX_TEXT_LENGTH}`);
  }
  // Half a surrogate pair cannot be written as UTF-8.
  if (!value.isWellFormed()) return badRow("bad_row", `${key} is no valid Unicode`);
  return value;
}

/** A short name for a content, the same on every machine: 64 bits of SHA-256 in hexadecimal. */
export function contentId(dataset: string, ...parts: readonly string[]): string {
  const hash = createHash("sha256").update(JSON.stringify(parts)).digest("hex");
  return `${dataset}-${hash.slice(0, 16)}`;
}
