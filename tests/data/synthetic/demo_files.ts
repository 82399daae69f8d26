/**
 * The files of the demo databases.
 */

/** A question of `questions.jsonl`. */
export interface DemoQuestion {
  readonly id: string;
  readonly db_id: string;
  readonly question: string;
  readonly sql: string;
}

/** The script and the questions of one demo database. */
export function readDemo(
  name: string,
): { readonly name: string; readonly script: string; readonly questions: readonly DemoQuestion[] } {
  const read = (file: string) =>
    Deno.readTextFileSync(new URL(`../../../data/demo/${name}/${file}`, import.meta.url));
  return {
    name,
    script: read(`${name}.sql`),
    questions: read("questions.jsonl").trim().split("\n").map((line) => JSON.parse(line)),
  };
}
