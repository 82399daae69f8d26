/**
 * Turns what was typed (flags are text; YAML is mostly typed) into the type of an option. What cannot
 * be turned is returned as it is, for the schema to refuse.
 * @module
 */
import type { Option } from "./options.ts";

const BOOLEANS: Readonly<Record<string, boolean>> = {
  true: true,
  yes: true,
  on: true,
  "1": true,
  false: false,
  no: false,
  off: false,
  "0": false,
};

/** The boolean that a word stands for: `true|false|1|0|yes|no|on|off` in any case; else undefined. */
export function booleanWord(text: string): boolean | undefined {
  const word = text.trim().toLowerCase();
  return Object.hasOwn(BOOLEANS, word) ? BOOLEANS[word] : undefined;
}

/** Converts `value` to the kind of `option` where that is possible without guessing. */
export function coerce(
  value: unknown,
  option: Pick<Option, "kind" | "nullable" | "default">,
): unknown {
  if (option.nullable && typeof value === "string" && /^(none|null)$/i.test(value.trim())) {
    return null;
  }
  switch (option.kind) {
    case "boolean":
      return typeof value === "string" || typeof value === "number"
        ? booleanWord(String(value)) ?? value
        : value;
    case "integer":
    case "number":
      return typeof value === "string" && isDecimal(value.trim()) ? Number(value) : value;
    case "list":
      // A default that is a text ("all-linear") is a keyword, not a list of one name.
      return typeof value === "string" && value !== option.default ? toList(value) : value;
    case "choice":
      return typeof value === "string" ? value.trim() : value;
    case "text":
      return typeof value === "number" ? String(value) : value;
  }
}

function isDecimal(text: string): boolean {
  return /^[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$/.test(text);
}

/** `["a","b"]` and `a,b` are lists; a text with other characters (a regex) stays a text. */
function toList(text: string): unknown {
  if (text.trim().startsWith("[")) {
    try {
      const parsed: unknown = JSON.parse(text);
      if (Array.isArray(parsed)) return parsed;
    } catch {
      return text;
    }
  }
  return /^[\w.\-\s,]+$/.test(text) ? text.split(/[\s,]+/).filter((part) => part !== "") : text;
}
