/**
 * Options of a task: one flat zod object is the single place that names them, with their defaults,
 * bounds and descriptions; from it come the table behind `--help`, the coercion of what was typed,
 * and messages that say what is allowed.
 * @module
 */
import { z } from "zod";
import { ConfigError } from "../errors.ts";
import { closestOption } from "./closest.ts";
import { coerce } from "./coerce.ts";

/** Values from one place. Later layers win over earlier ones. */
export interface OptionLayer {
  /** Where the values come from; messages name it. */
  readonly source: "defaults" | "file" | "flags" | "options";
  /** The path, for a file. */
  readonly name?: string;
  /** Names (`max_steps` or `max-steps`) to values, typed or as text; `undefined` counts as unset. */
  readonly values: Readonly<Record<string, unknown>>;
  /** Faults already found while this layer was read, to be reported with all others. */
  readonly faults?: readonly string[];
}

/** One row of an option table. */
export interface Option {
  readonly name: string;
  readonly kind: "boolean" | "integer" | "number" | "choice" | "text" | "list";
  /** Whether `null` (typed as `none`) is a value, meaning "not set". */
  readonly nullable: boolean;
  readonly default: unknown;
  readonly description: string;
  /** Heading in `--help`. */
  readonly group: string;
  /** What stands for the value in `--help`: `DIR`, `N`, `linear|cosine`; empty for a switch. */
  readonly value: string;
  /** What is allowed, in words: "a whole number, 1 or more". */
  readonly allowed: string;
  /** Names that other tools use for it; only for suggestions. */
  readonly also: readonly string[];
}

/** A rule about several options; it is skipped where one of `fields` is already at fault. */
export interface CrossCheck<T> {
  readonly fields: readonly (keyof T & string)[];
  /** The fault as one sentence, or null. */
  readonly fault: (values: T) => string | null;
}

/** What a field of the schema says about itself beside its type: `z.….meta({ group, … })`. */
export interface OptionMeta {
  readonly group: string;
  readonly description: string;
  readonly value?: string;
  readonly also?: readonly string[];
}

/** The options that every task has. Spread them into the task's own `z.object({ … })`. */
export const commonFields = {
  config: z.string().min(1).nullable().default(null).meta({
    group: "Every task",
    description: "YAML file with the same keys as these options; options given here win.",
    value: "FILE",
  }),
  output_dir: z.string().min(1).default("outputs/").meta({
    group: "Every task",
    description: "Folder for everything that the task writes.",
    value: "DIR",
  }),
  seed: z.int().min(0).max(2 ** 32 - 1).default(42).meta({
    group: "Every task",
    description: "Seed of every random choice.",
  }),
  quiet: z.boolean().default(false).meta({
    group: "Every task",
    description: "Print no progress.",
  }),
  json: z.boolean().default(false).meta({
    group: "Every task",
    description: "Print one JSON event a line to stdout, and nothing else.",
  }),
};

type Field = z.core.JSONSchema.BaseSchema;

/** The option table of a flat schema, in its order. */
export function describeSchema(schema: z.ZodObject): Option[] {
  const { properties = {} } = z.toJSONSchema(schema, { io: "input" }) as Field;
  return Object.entries(properties).map(([name, property]) => describe(name, property as Field));
}

function describe(name: string, field: Field): Option {
  const branches = (field.anyOf ?? [field]) as Field[];
  const nullable = branches.some((branch) => branch.type === "null");
  const list = branches.find((branch) => branch.type === "array");
  const main = list ?? branches.find((branch) => branch.type !== "null") ?? field;
  const kind = kindOf(main);
  const meta = field as Field & Partial<OptionMeta>;
  const placeholder = {
    boolean: field.default === true ? "true|false" : "",
    integer: "N",
    number: "X",
    choice: main.enum?.join("|") ?? "",
    text: "TEXT",
    list: "A,B,…",
  };
  return {
    name,
    kind,
    nullable,
    default: field.default,
    description: meta.description ?? "",
    group: meta.group ?? "Options",
    value: meta.value ?? placeholder[kind],
    allowed: allowedWords(kind, main, meta.value) + (nullable ? ', or "none"' : ""),
    also: meta.also ?? [],
  };
}

function kindOf(field: Field): Option["kind"] {
  if (field.enum) return "choice";
  switch (field.type) {
    case "boolean":
    case "integer":
    case "number":
      return field.type;
    case "array":
      return "list";
    default:
      return "text";
  }
}

function allowedWords(kind: Option["kind"], field: Field, value = "TEXT"): string {
  switch (kind) {
    case "boolean":
      return "true or false";
    case "choice":
      return `one of ${field.enum!.join(", ")}`;
    case "text":
      return /FILE|DIR/.test(value) ? "a path" : "a text that is not empty";
    case "list":
      return "a list of names (a,b,c), or a text that is not empty";
    default:
      return (kind === "integer" ? "a whole number" : "a number") + rangeWords(field);
  }
}

function rangeWords({ minimum, exclusiveMinimum, maximum, exclusiveMaximum }: Field): string {
  const parts = [];
  if (minimum !== undefined && minimum !== Number.MIN_SAFE_INTEGER) {
    parts.push(`${minimum} or more`);
  }
  if (exclusiveMinimum !== undefined) parts.push(`above ${exclusiveMinimum}`);
  if (maximum !== undefined && maximum !== Number.MAX_SAFE_INTEGER) {
    parts.push(`at most ${maximum}`);
  }
  if (exclusiveMaximum !== undefined) parts.push(`below ${exclusiveMaximum}`);
  return parts.length > 0 ? `, ${parts.join(" and ")}` : "";
}

/**
 * Merges the schema's defaults and the layers, later ones winning, into validated values. Every layer
 * is validated, also where a later one wins.
 *
 * @throws {ConfigError} with one issue for each wrong value, unknown name and broken cross-check
 */
export function resolveOptions<S extends z.ZodObject>(
  schema: S,
  layers: readonly OptionLayer[],
  checks: readonly CrossCheck<z.infer<S>>[] = [],
): z.infer<S> {
  const options = new Map(describeSchema(schema).map((option) => [option.name, option]));
  const merged = new Map<string, unknown>();
  const faults: string[] = [];
  const faulty = new Set<string>();

  for (const layer of layers) {
    faults.push(...layer.faults ?? []);
    for (const [typedName, given] of Object.entries(layer.values)) {
      if (given === undefined) continue;
      const name = typedName.replaceAll("-", "_");
      const option = options.get(name);
      if (!option) {
        faults.push(unknownName(name, layer, [...options.values()]));
        continue;
      }
      const result = (schema.shape[name] as z.ZodType).safeParse(coerce(given, option));
      if (result.success) {
        merged.set(name, result.data);
      } else {
        faulty.add(name);
        const action = `Cannot use ${showSetting(name, given, layer)}`;
        faults.push(`${action}: give ${reasonFor(result.error) ?? option.allowed}`);
      }
    }
  }

  const values = schema.parse(Object.fromEntries(merged));
  for (const check of checks) {
    if (check.fields.some((field) => faulty.has(field))) continue;
    const fault = check.fault(values);
    if (fault !== null) faults.push(fault);
  }
  if (faults.length > 0) throw new ConfigError(faults);
  return values;
}

// A refinement's own message says more than the general words about the type.
function reasonFor(error: z.ZodError): string | undefined {
  return error.issues.find((issue) => issue.code === "custom")?.message;
}

function showSetting(name: string, given: unknown, layer: OptionLayer): string {
  const value = typeof given === "string" ? given : JSON.stringify(given);
  const shown = value.length > 60 ? `${value.slice(0, 60)}…` : value || '""';
  return layer.source === "flags"
    ? `--${name} ${shown} (flags)`
    : `${name}: ${shown} (${layer.name ?? layer.source})`;
}

function unknownName(name: string, layer: OptionLayer, options: readonly Option[]): string {
  const { option, near } = closestOption(name, options);
  const dashes = layer.source === "flags" ? "--" : "";
  const place = layer.source === "flags" ? "" : ` (${layer.name ?? layer.source})`;
  const hint = near ? `did you mean ${dashes}${option}?` : `the closest is ${dashes}${option}`;
  return `unknown option ${dashes}${name}${place}; ${hint}`;
}
