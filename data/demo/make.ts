/**
 * Writes the scripts of the demo databases, `<name>/<name>.sql`, the same bytes every time, and prints
 * their sizes and checksums:
 *
 *     deno run --allow-read --allow-write data/demo/make.ts
 * @module
 */
import { databaseScript } from "../../src/data/synthetic/database.ts";
import { demoDatabases } from "../../src/data/synthetic/databases.ts";

for (const database of demoDatabases()) {
  const { name, tables } = database;
  const script = new TextEncoder().encode(databaseScript(database));
  await Deno.mkdir(new URL(`./${name}/`, import.meta.url), { recursive: true });
  await Deno.writeFile(new URL(`./${name}/${name}.sql`, import.meta.url), script);
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", script)).toHex();
  const rows = tables.map(({ name, rows }) => `${name} ${rows.length}`).join(", ");
  console.log(`| \`${name}\` | ${rows} | ${script.length} | \`${hash}\` |`);
}
