/**
 * The databases that questions are asked about: the demo databases and any number of small ones.
 * @module
 */
import { random } from "../random.ts";
import { createDatabase, drawEntities } from "./database.ts";
import { DEMO_THEMES, type DemoTheme } from "./demo_themes.ts";
import { pick } from "./english.ts";
import { inventTheme } from "./invented.ts";
import { drawNaming, PLAIN_NAMING } from "./naming.ts";
import { PEOPLE_THEMES } from "./themes_people.ts";
import { THINGS_THEMES } from "./themes_things.ts";
import { TRADE_THEMES } from "./themes_trade.ts";
import { UNSEEN_THEMES } from "./themes_unseen.ts";
import type { SyntheticDatabase } from "./types.ts";

/** The seed of the rows of the demo databases. Their scripts and questions belong to it. */
const DEMO_SEED = 2024;
/** Of a hundred small databases for training, so many are of words that do not exist. */
const INVENTED = 20;

const SEEN_THEMES = [...PEOPLE_THEMES, ...TRADE_THEMES, ...THINGS_THEMES];

/** The five demo databases, as their scripts in data/demo/ make them. */
export function demoDatabases(): readonly SyntheticDatabase[] {
  return DEMO_THEMES.map(createDemo);
}

function createDemo({ name, entities, rows }: DemoTheme): SyntheticDatabase {
  return createDatabase(random(DEMO_SEED, "demo database", name), {
    name,
    theme: name,
    entities,
    naming: PLAIN_NAMING,
    rows: ({ noun }) => rows[noun],
  });
}

/**
 * The small database of number `index`: a part of a theme, named in its own way, with 10 to 30 rows a
 * table. Those with `unseen` are of themes that all others never have.
 */
export function smallDatabase(
  index: number,
  { seed = 0, unseen = false }: { readonly seed?: number; readonly unseen?: boolean } = {},
): SyntheticDatabase {
  const kind = unseen ? "unseen" : "seen";
  const rng = random(seed, "small database", kind, index);
  const theme = unseen
    ? UNSEEN_THEMES[index % UNSEEN_THEMES.length]
    : rng.below(100) < INVENTED
    ? inventTheme(rng)
    : SEEN_THEMES[index % SEEN_THEMES.length];
  return createDatabase(rng, {
    name: `${unseen ? "unseen" : "small"}_${index}`,
    theme: theme.name,
    entities: drawEntities(rng, theme.entities),
    naming: drawNaming(rng),
    rows: () => 10 + rng.below(21),
    words: ({ words }) => pick(rng, words),
  });
}
