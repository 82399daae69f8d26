import { assertEquals } from "@std/assert";
import { join } from "node:path";
import { filesTable } from "../../src/notebook/files_view.ts";
import { shownPath } from "../../src/notebook/paths.ts";
import { bundleOf } from "../../src/notebook/view.ts";
import { ROOT } from "../cli/support.ts";
import { tempFolder } from "../train/support.ts";

Deno.test("paths in the project are shown from its root, others as they are", () => {
  assertEquals(shownPath(join(ROOT, "data/base/")), "data/base");
  assertEquals(shownPath("notebooks/../outputs/x"), "outputs/x");
  assertEquals(shownPath("/home/me/other/base"), "/home/me/other/base");
  assertEquals(shownPath("../other/base"), "../other/base");
});

Deno.test("the files of a folder in the project are shown without the way to the project", async () => {
  const firstLine = async (folder: string) =>
    bundleOf(await filesTable(folder))["text/plain"].split("\n")[0];
  assertEquals(await firstLine(join(ROOT, "data/demo/retail")), "data/demo/retail");
  using folder = tempFolder();
  await Deno.writeTextFile(folder("metrics.json"), "{}");
  assertEquals(await firstLine(folder.path), folder.path);
});
