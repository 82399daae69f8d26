import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { FormatError } from "../../src/errors.ts";
import {
  createAtomicFile,
  recoverDirectory,
  writeAll,
  writeDirectoryAtomic,
  writeFileAtomic,
} from "../../src/formats/atomic.ts";
import { namesIn, temporaryFolder } from "./support.ts";

const read = Deno.readTextFileSync;

/** Writes a folder that holds one file. */
const writeFolder = (path: string, text: string) =>
  writeDirectoryAtomic(path, (directory) => Deno.writeTextFile(`${directory}/text`, text));

Deno.test("a file is made with its parent folders, and replaced", async () => {
  using folder = temporaryFolder();
  const path = folder.join("a", "b", "c.json");
  await writeFileAtomic(path, "öld");
  assertEquals(read(path), "öld");
  await writeFileAtomic(path, Uint8Array.of(1, 2));
  assertEquals(Deno.readFileSync(path), Uint8Array.of(1, 2));
  assertEquals(namesIn(folder.join("a", "b")), ["c.json"]);
});

Deno.test("until it is committed, a file is not there, and disposing it discards it", async () => {
  using folder = temporaryFolder();
  const path = folder.join("x");
  Deno.writeTextFileSync(path, "old");
  {
    await using file = await createAtomicFile(path);
    await file.write(Uint8Array.of(65));
    assertEquals(read(path), "old");
  }
  assertEquals([read(path), namesIn(folder.join())], ["old", ["x"]]);
  {
    await using file = await createAtomicFile(path);
    await file.write(Uint8Array.of(65));
    await file.write(new Uint8Array());
    await file.write(Uint8Array.of(66));
    await file.commit();
  }
  assertEquals([read(path), namesIn(folder.join())], ["AB", ["x"]]);
});

Deno.test("what a crash left beside a file is removed by the next write", async () => {
  using folder = temporaryFolder();
  for (const leave of [Deno.mkdirSync, (path: string) => Deno.writeTextFileSync(path, "partial")]) {
    leave(folder.join("x.tmp"));
    await writeFileAtomic(folder.join("x"), "new");
    assertEquals([read(folder.join("x")), namesIn(folder.join())], ["new", ["x"]]);
  }
  // a link there is removed, not followed
  Deno.writeTextFileSync(folder.join("precious"), "kept");
  Deno.symlinkSync(folder.join("precious"), folder.join("x.tmp"));
  await writeFileAtomic(folder.join("x"), "new");
  assertEquals(read(folder.join("precious")), "kept");
});

Deno.test("a folder is made, and replaced as a whole", async () => {
  using folder = temporaryFolder();
  const path = folder.join("runs", "step-1");
  await writeDirectoryAtomic(path + "/", async (directory) => {
    await Deno.mkdir(`${directory}/sub`);
    await Deno.writeTextFile(`${directory}/sub/a`, "1");
    assertEquals(namesIn(folder.join("runs")), ["step-1.tmp"]);
  });
  assertEquals(read(`${path}/sub/a`), "1");
  await writeFolder(path, "2");
  assertEquals([namesIn(path), read(`${path}/text`)], [["text"], "2"]);
  assertEquals(namesIn(folder.join("runs")), ["step-1"]);
});

Deno.test("where filling a folder fails, the old one stays", async () => {
  using folder = temporaryFolder();
  const path = folder.join("x");
  await writeFolder(path, "old");
  const failing = () =>
    writeDirectoryAtomic(path, async (directory) => {
      await Deno.writeTextFile(`${directory}/text`, "new");
      throw new RangeError("no");
    });
  await assertRejects(failing, RangeError, "no");
  const reading = () =>
    writeDirectoryAtomic(path, async () => void await Deno.readFile(folder.join("nothing")));
  await assertRejects(reading, Deno.errors.NotFound);
  assertEquals([read(`${path}/text`), namesIn(folder.join())], ["old", ["x"]]);
});

Deno.test("after a crash at any step the next write, or recovery, finds a whole folder", async () => {
  // the states in their order: [name of the folder, its content]
  const states: [Record<string, string>, recovered: string | null][] = [
    [{ "x.tmp": "partial" }, null],
    [{ x: "old", "x.tmp": "partial" }, "old"],
    [{ "x.tmp": "new", "x.old.tmp": "old" }, "new"],
    [{ x: "new", "x.old.tmp": "old" }, "new"],
    [{ "x.old.tmp": "old" }, "old"],
  ];
  for (const [state, recovered] of states) {
    for (const write of [false, true]) {
      using folder = temporaryFolder();
      for (const [name, text] of Object.entries(state)) {
        Deno.mkdirSync(folder.join(name));
        Deno.writeTextFileSync(folder.join(name, "text"), text);
      }
      if (write) {
        await writeFolder(folder.join("x"), "next");
        assertEquals(namesIn(folder.join()), ["x"]);
        assertEquals(read(folder.join("x", "text")), "next");
      } else {
        await recoverDirectory(folder.join("x"));
        assertEquals(namesIn(folder.join()).includes("x.old.tmp"), false);
        assertEquals(namesIn(folder.join()).includes("x"), recovered !== null);
        if (recovered) assertEquals(read(folder.join("x", "text")), recovered);
      }
    }
  }
});

Deno.test("a process killed while it replaces a folder and a file leaves both whole", async () => {
  using folder = temporaryFolder();
  const module = new URL("../../src/formats/atomic.ts", import.meta.url).href;
  const code = `
    import { writeDirectoryAtomic, writeFileAtomic } from ${JSON.stringify(module)};
    const [folder, file] = ${JSON.stringify([folder.join("x"), folder.join("y")])};
    for (let i = 0;; i++) {
      const text = String(i % 10).repeat(300_000);
      await writeDirectoryAtomic(folder, async (directory) => {
        for (const name of ["a", "b"]) await Deno.writeTextFile(directory + "/" + name, text);
      });
      await writeFileAtomic(file, text);
    }`;
  let kills = 0;
  for (const delay of [0, 3, 7, 13, 24]) {
    const command = new Deno.Command(Deno.execPath(), { args: ["eval", code], stderr: "inherit" });
    const child = command.spawn();
    const deadline = Date.now() + 8000;
    const inode = () => Deno.statSync(folder.join("y")).ino;
    const before = kills === 0 ? null : inode();
    while (Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 2));
      if (namesIn(folder.join()).includes("y") && inode() !== before) break;
    }
    await new Promise((resolve) => setTimeout(resolve, delay));
    child.kill("SIGKILL");
    await child.status;
    kills++;
    await recoverDirectory(folder.join("x"));
    const [a, b, y] = [["x", "a"], ["x", "b"], ["y"]].map((names) => read(folder.join(...names)));
    assertEquals(a, a[0].repeat(300_000));
    assertEquals(b, a);
    assertEquals(y, y[0].repeat(300_000));
  }
  await writeFolder(folder.join("x"), "last");
  await writeFileAtomic(folder.join("y"), "last");
  assertEquals(namesIn(folder.join()), ["x", "y"]);
});

function run(command: string, ...args: string[]): boolean {
  try {
    return new Deno.Command(command, { args, stderr: "null" }).outputSync().success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Mounts a file system of 256 KiB, or returns null where this user may not. */
function mountSmall(path: string): Disposable | null {
  Deno.mkdirSync(path);
  if (!run("mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", path)) return null;
  return { [Symbol.dispose]: () => assert(run("umount", path)) };
}

function mayMount(): boolean {
  using folder = temporaryFolder();
  using small = mountSmall(folder.join("small"));
  return small !== null;
}

const mountable = mayMount();
const big = new Uint8Array(1_000_000);

Deno.test({
  name: "a full or read-only disk is a FormatError that says so, and what was there stays" +
    (mountable ? "" : " (needs the right to mount)"),
  ignore: !mountable,
  async fn() {
    using folder = temporaryFolder();
    using _small = mountSmall(folder.join("small"));
    const [file, directory] = [folder.join("small", "x"), folder.join("small", "d")];
    await writeFileAtomic(file, "old");
    await writeFolder(directory, "old");
    const attempts = [
      () => writeFileAtomic(file, big),
      () => writeDirectoryAtomic(directory, (path) => writeFileAtomic(`${path}/text`, big)),
      () => writeDirectoryAtomic(directory, (path) => Deno.writeFile(`${path}/text`, big)),
    ];
    for (const attempt of attempts) {
      const error = await assertRejects(attempt, FormatError, "the disk is full; free some space");
      assert(error.file?.startsWith(folder.join("small")));
      assertEquals([read(file), read(`${directory}/text`)], ["old", "old"]);
      assertEquals(namesIn(folder.join("small")), ["d", "x"]);
    }
    assert(run("mount", "-o", "remount,ro", folder.join("small")));
    await assertRejects(() => writeFileAtomic(file, "new"), FormatError, "is read-only");
    await assertRejects(() => writeFolder(directory, "new"), FormatError, "is read-only");
    assertEquals([read(file), read(`${directory}/text`)], ["old", "old"]);
  },
});

Deno.test("a device that is always full is a FormatError that says so", async () => {
  using full = Deno.openSync("/dev/full", { write: true });
  const error = await assertRejects(
    () => writeAll(full, big, "out/x"),
    FormatError,
    "disk is full",
  );
  assertEquals(error.file, "out/x");
});

Deno.test("a folder that may not be written is a FormatError that says so", async () => {
  // sysfs takes no new files from any user, root included; containers mount it read-only
  const remedy = /: permission is denied; make the folder writable|: the file system is read-only;/;
  for (const write of [writeFileAtomic, writeFolder]) {
    const error = await assertRejects(() => write("/sys/sqlora", "x"), FormatError, "/sys/sqlora");
    assertMatch(error.message, remedy);
    assert(error.cause instanceof Error);
  }
});

Deno.test("files and folders in each other's place are refused and kept", async () => {
  using folder = temporaryFolder();
  Deno.writeTextFileSync(folder.join("file"), "kept");
  await writeFolder(folder.join("folder"), "kept");
  const attempts = [
    () => writeFileAtomic(folder.join("folder"), "x"),
    () => writeFolder(folder.join("file"), "x"),
    () => writeFileAtomic(folder.join("file", "x"), "x"),
    () => writeFolder(folder.join("file", "x"), "x"),
  ];
  for (const attempt of attempts) {
    await assertRejects(attempt, FormatError, "a file stands where a folder is needed");
  }
  assertEquals(namesIn(folder.join()), ["file", "folder"]);
  assertEquals([read(folder.join("file")), read(folder.join("folder", "text"))], ["kept", "kept"]);
});
