import { assert, assertEquals, assertRejects } from "@std/assert";
import { FormatError } from "../../src/errors.ts";
import { openFile } from "../../src/formats/byte_source.ts";
import { temporaryFolder } from "./support.ts";

const bytes = Uint8Array.from({ length: 300_000 }, (_, i) => i * 7 + (i >> 8));

Deno.test("a file is read at any place, also by several slices at once", async () => {
  using folder = temporaryFolder();
  Deno.writeFileSync(folder.join("data"), bytes);
  using source = await openFile(folder.join("data"));
  assertEquals(source.name, folder.join("data"));
  assertEquals(source.byteLength, bytes.length);
  const ranges = [[299_990, 300_000], [0, 8], [5, 5], [1000, 200_000], [8, 1000]];
  const slices = await Promise.all(ranges.map(([start, end]) => source.slice(start, end)));
  ranges.forEach(([start, end], i) =>
    assertEquals(new Uint8Array(slices[i]), bytes.slice(start, end))
  );
  assertEquals(new Uint8Array(await source.slice(299_000)), bytes.slice(299_000));
});

Deno.test("a range that is not there is a FormatError", async () => {
  using folder = temporaryFolder();
  Deno.writeFileSync(folder.join("data"), bytes);
  using file = await openFile(folder.join("data"));
  for (const [start, end] of [[-1, 5], [5, 4], [0, 300_001], [0.5, 2], [0, NaN]]) {
    const error = await assertRejects(() => file.slice(start, end), FormatError, file.name);
    assertEquals(error.offset, start);
  }
});

Deno.test("a file that shrinks while open is a FormatError with the offset", async () => {
  using folder = temporaryFolder();
  Deno.writeFileSync(folder.join("data"), bytes);
  using source = await openFile(folder.join("data"));
  Deno.truncateSync(folder.join("data"), 1000);
  const error = await assertRejects(() => source.slice(0, 2000), FormatError, "byte 1000");
  assertEquals([error.file, error.offset], [folder.join("data"), 1000]);
});

Deno.test("a missing file, a folder and a device are FormatErrors that name the path", async () => {
  using folder = temporaryFolder();
  Deno.writeFileSync(folder.join("data"), bytes);
  for (
    const path of [folder.join("nothing"), folder.join("data", "x"), folder.join(), "/dev/zero"]
  ) {
    const error = await assertRejects(() => openFile(path), FormatError, `Cannot open ${path}`);
    assertEquals(error.file, path);
  }
});

Deno.test("a Git-LFS pointer is told apart from the file", async () => {
  using folder = temporaryFolder();
  const path = folder.join("model.safetensors");
  Deno.writeTextFileSync(
    path,
    `version https://git-lfs.github.com/spec/v1\noid sha256:${"a".repeat(64)}\nsize 14483464192\n`,
  );
  await assertRejects(
    () => openFile(path),
    FormatError,
    "is a Git-LFS pointer, not the file itself; run `git lfs pull`",
  );
});

Deno.test("using closes the file", async () => {
  using folder = temporaryFolder();
  Deno.writeFileSync(folder.join("data"), bytes);
  let slice;
  {
    using source = await openFile(folder.join("data"));
    slice = source.slice;
    assert((await slice(0, 4)).byteLength === 4);
  }
  await assertRejects(() => slice(0, 4), Deno.errors.BadResource);
});

Deno.test({
  name: "a named pipe is refused at once",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    using folder = temporaryFolder();
    const path = folder.join("pipe");
    const { success } = await new Deno.Command("mkfifo", { args: [path] }).output();
    assertEquals(success, true);
    await assertRejects(() => openFile(path), FormatError, "it is not a file");
  },
});
