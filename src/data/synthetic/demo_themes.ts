/**
 * The themes of the five demo databases.
 * @module
 */
import { BUSINESS_DEMOS } from "./demo_business.ts";
import { SERVICE_DEMOS } from "./demo_service.ts";
import type { Theme } from "./types.ts";

/** A theme with all its entities and the number of rows of each. */
export interface DemoTheme extends Theme {
  readonly rows: Readonly<Record<string, number>>;
}

/** The demo databases in the order of their names. */
export const DEMO_THEMES: readonly DemoTheme[] = [...BUSINESS_DEMOS, ...SERVICE_DEMOS]
  .sort((a, b) => a.name < b.name ? -1 : 1);
