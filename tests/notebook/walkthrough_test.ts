/**
 * The walkthrough as it is committed: notebook 01 with what its cells show.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  assertAllShown,
  cellWith,
  chartOf,
  codeOf,
  NAMES,
  type NotebookFile,
  notebookPath,
  plain,
  readNotebook,
  shownBy,
  textOf,
} from "./notebook_file.ts";

const RENDER = "run deno task notebook --render";

const walkthrough = await readNotebook(notebookPath("walkthrough"));

/** Paths from the root of some machine, as Unix and Windows write them; no ends of HTML tags, no URLs. */
const ABSOLUTE = /(?<![\w.<:/*])\/[\w.-]+\/[\w.-]+|\b[A-Z]:\\+\w/;

Deno.test("the walkthrough has the cells of the first notebook", async () => {
  const sources = ({ cells }: NotebookFile) => cells.map(({ source }) => textOf(source));
  const first = await readNotebook(notebookPath(NAMES[0]));
  assertEquals(sources(walkthrough), sources(first), RENDER);
});

Deno.test("the walkthrough shows what its cells show, with all charts in both forms", () => {
  assertAllShown(walkthrough);
  const [lengths] = shownBy(cellWith(walkthrough, "lengthChart(records"));
  chartOf(lengths);
  const [progress, losses] = shownBy(cellWith(walkthrough, "trainLive(notebook"));
  assertMatch(plain(progress), /^step (\d+)\/\1 █+ done/);
  const { values } = chartOf(losses).spec.data!;
  assert(values.filter(({ name }) => name === "training").length > 100);
});

Deno.test("the walkthrough shows which answers are right, and how many before and after", () => {
  for (const call of ["const untrained = await askModel(", "const trained = await askModel("]) {
    const [answers] = shownBy(cellWith(walkthrough, call));
    assertMatch(plain(answers), /\d of 3 right, \d run; /, RENDER);
  }
  const [scores] = shownBy(cellWith(walkthrough, "scoreDemo("));
  assertMatch(plain(scores), /before training +\d+ of 30[^\n]*\nafter training +\d+ of 30/, RENDER);
});

Deno.test("the walkthrough names no path of the machine that rendered it, and no time", () => {
  for (const path of ['"/home/me/x', "in /tmp/a/b", "'/work/x", "C:\\Users", ">/Users/a/b<"]) {
    assertMatch(path, ABSOLUTE);
  }
  for (
    const text of ["</b></td>", "tokens/s", "../outputs/x", "https://vega.github.io/schema/v5"]
  ) {
    assert(!ABSOLUTE.test(text), text);
  }
  for (const cell of codeOf(walkthrough)) {
    assertEquals("execution" in (cell as unknown as { metadata: object }).metadata, false);
    for (const { data, text } of cell.outputs ?? []) {
      for (const shown of [textOf(text), ...Object.values(data ?? {}).map(flat)]) {
        const [found] = ABSOLUTE.exec(shown) ?? [];
        assertEquals(found, undefined, `${textOf(cell.source)} shows a path of a machine`);
      }
    }
  }
});

/** What is shown as one text: strings and lists of lines as they are, specs as JSON. */
function flat(content: unknown): string {
  const lines = typeof content === "string" || Array.isArray(content);
  return lines ? textOf(content) : JSON.stringify(content);
}
