import { assertEquals } from "@std/assert";
import { shownPath } from "../../src/notebook/shown_path.ts";
import { filesTable } from "../../src/notebook/files_view.ts";
import { bundleOf } from "../../src/notebook/view.ts";
import { tempFolder } from "../train/support.ts";

Deno.test("paths in the project are shown as a cell would write them, others as they are", () => {
  const from = (from: string) => (path: string) => shownPath(path, { project: "/home/me/p", from });
  const inNotebooks = from("/home/me/p/notebooks");
  assertEquals(inNotebooks("/home/me/p/data/base/"), "../data/base");
  assertEquals(inNotebooks("/home/me/p/notebooks"), ".");
  assertEquals(inNotebooks("../outputs/x"), "../outputs/x");
  assertEquals(inNotebooks("/home/me/other/base"), "/home/me/other/base");
  assertEquals(inNotebooks("/home/me/p2/base"), "/home/me/p2/base");
  assertEquals(from("/home/me/p")("/home/me/p/data/base"), "data/base");
  assertEquals(from("/tmp")("/home/me/p/data/base"), "/home/me/p/data/base");
  assertEquals(from("/home/me/p")("/home/me/p/..data"), "..data");
});

Deno.test("the files of a folder of the project are shown without the way to the project", async () => {
  const table = bundleOf(await filesTable(`${Deno.cwd()}/data/demo/retail`))["text/plain"];
  assertEquals(table.split("\n")[0], "data/demo/retail");
  using folder = tempFolder();
  await Deno.writeTextFile(folder("metrics.json"), "{}");
  const other = bundleOf(await filesTable(folder.path))["text/plain"];
  assertEquals(other.split("\n")[0], folder.path);
});
