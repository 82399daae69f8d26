/**
 * The program of a process that queries one database file which is too large for memory. Once it has
 * opened the file it may open no other, and within it the same sandbox holds as elsewhere. Standard
 * input and output carry messages; the first is the setup.
 * @module
 */
import { Connection } from "./connection.ts";
import type { ReadOnlyFile } from "./host.ts";
import {
  DONE,
  encodeMessage,
  receiver,
  type Reply,
  type Request,
  type Setup,
  writeError,
} from "./message.ts";
import { RenewedDatabase } from "./renewed.ts";
import { createRuntime } from "./runtime.ts";

/** The version numbers of the header at 1 say that there is no log, as the parent has checked. */
const VERSION_OFFSETS = [18, 19];

function openReadOnly(path: string): ReadOnlyFile {
  const file = Deno.openSync(path);
  return {
    size: file.statSync().size,
    read(into, offset) {
      file.seekSync(offset, Deno.SeekMode.Start);
      let total = 0;
      while (total < into.length) {
        const read = file.readSync(into.subarray(total));
        if (read === null) break;
        total += read;
      }
      for (const at of VERSION_OFFSETS) {
        if (at >= offset && at < offset + total) into[at - offset] = 1;
      }
      return total;
    },
  };
}

async function answer(database: RenewedDatabase, request: Request): Promise<Reply> {
  try {
    switch (request.ask) {
      case "query":
        return { value: await database.query(request.sql, request.options), error: null };
      case "check": {
        const fault = await database.check(request.sql);
        return { value: fault && writeError(fault), error: null };
      }
      case "schema":
        return { value: await database.schema(), error: null };
    }
  } catch (error) {
    return { value: null, error: writeError(error) };
  }
}

function send(reply: Reply): void {
  write(DONE);
  write(encodeMessage(reply));
}

function write(bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
}

async function main(): Promise<void> {
  const { receive } = receiver(Deno.stdin.readable);
  const { path, module, slot, maxMemory, maxLength } = await receive() as Setup;
  const sqlite = { module: await WebAssembly.compile(module), slot };
  const file = openReadOnly(path);
  await Deno.permissions.revoke({ name: "read" });
  let database: RenewedDatabase;
  try {
    database = await RenewedDatabase.open({
      connect: () => {
        const runtime = createRuntime(sqlite, { maxMemory, file });
        return Promise.resolve(Connection.open(runtime, { source: "file", maxLength }));
      },
    });
  } catch (error) {
    return send({ value: null, error: writeError(error) });
  }
  send({ value: null, error: null });
  while (true) send(await answer(database, await receive() as Request));
}

await main();
