/**
 * What a synthetic database is made from, and what it is then: tables that know how one speaks of
 * them, and their rows.
 * @module
 */
import type { DatabaseSchema } from "../../sql/schema.ts";

/** A value of a row. A date is a text like `2024-02-29`; yes and no are 1 and 0. */
export type Value = string | number | null;

/** A row; its values are in the order of the table's columns. */
export type Row = readonly Value[];

/**
 * What a column is for.
 * - `key`: the number of the row. `reference`: the key of a row of another table.
 * - `label`: what one calls the row; no two rows share it. `category`: a text of which there are few.
 * - `number`, `date`, `flag` (1 or 0).
 */
export type ColumnKind = "key" | "reference" | "label" | "category" | "number" | "date" | "flag";

/** How one speaks of an attribute beside "with PRICE above 5"; alternatives are separated by `|`. */
export interface Wording {
  /** category: what comes between the noun and the value, as in "customers IN Oslo". */
  readonly is?: string;
  /** category: the value can stand before the noun, as in "PENDING orders". */
  readonly adjective?: boolean;
  /** number: as in "products COSTING MORE THAN 5". */
  readonly more?: string;
  readonly less?: string;
  /** number: as in "the MOST EXPENSIVE product"; date: "the LATEST order". */
  readonly most?: string;
  readonly least?: string;
  /** number: written behind an amount. */
  readonly unit?: string;
  /** number: a total of it means something. */
  readonly total?: boolean;
  /** date: as in "orders PLACED after 2024-02-29". */
  readonly happened?: string;
  /** flag: the adjectives for 1 and for 0. */
  readonly yes?: string;
  readonly no?: string;
  /** reference: as in "orders PLACED BY customers in Oslo". */
  readonly by?: string;
  /** reference: as in "customers who PLACED orders", and as in "have PLACED" where that differs. */
  readonly did?: string;
  readonly done?: string;
}

/** A column before it has a name: what it holds and how one speaks of it. */
export interface Attribute extends Wording {
  readonly kind: Exclude<ColumnKind, "key">;
  /** The noun for it; alternatives are equal, and a schema has one of them. */
  readonly words: readonly string[];
  /** label: one of each list, with a space between. category: one of the first list. */
  readonly values: readonly (readonly string[])[];
  /** number: least, greatest, step. date: first and last year. */
  readonly range: readonly number[];
  /** reference: the noun of the other entity. */
  readonly target: string;
  /** date: it is some days after another date of the row, named by its first noun. */
  readonly after?: { readonly words: string; readonly days: readonly [number, number] };
  /** Values or range, or both, by the value of an earlier attribute of the row. */
  readonly given?: {
    readonly words: string;
    readonly cases: Readonly<Record<string, Partial<Pick<Attribute, "values" | "range">>>>;
  };
  /** Of a hundred rows, so many have no value. */
  readonly missing: number;
}

/** A kind of thing that a table is about. */
export interface Entity {
  readonly noun: string;
  readonly plural: string;
  /** Its rows are people, for whom one says "who". */
  readonly person: boolean;
  readonly attributes: readonly Attribute[];
}

/** A field of life with the entities in it; an entity comes after those that it refers to. */
export interface Theme {
  readonly name: string;
  readonly entities: readonly Entity[];
}

/** A column of a table. */
export interface Column extends Wording {
  readonly kind: ColumnKind;
  readonly name: string;
  /** The name as SQL writes it. */
  readonly sql: string;
  /** The same with the table before it. */
  readonly qualified: string;
  /** The noun for it. */
  readonly words: string;
  readonly type: string;
  /** Where it stands in a row. */
  readonly index: number;
  /** reference: the index of the other table. */
  readonly target: number;
  readonly nullable: boolean;
  /** The values that there are, once each and in order. */
  readonly sorted: readonly (string | number)[];
}

/** A table with its rows. */
export interface Table {
  readonly name: string;
  readonly sql: string;
  readonly noun: string;
  readonly plural: string;
  readonly person: boolean;
  readonly columns: readonly Column[];
  readonly key: Column;
  readonly label: Column | null;
  readonly rows: readonly Row[];
  readonly byKey: ReadonlyMap<Value, Row>;
}

/** A database with its rows. */
export interface SyntheticDatabase {
  readonly name: string;
  readonly theme: string;
  readonly tables: readonly Table[];
  readonly schema: DatabaseSchema;
}
