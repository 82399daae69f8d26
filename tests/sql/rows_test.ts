import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { SqlError } from "../../src/errors.ts";
import { decodeText } from "../../src/sql/rows.ts";
import { openDatabase } from "../../src/sql/sandbox.ts";
import { ownTime } from "./clock.ts";

/** Pieces of characters, some of them whole, of one to four bytes. */
const piece = fc.constantFrom(
  "41",
  "c3a4",
  "e282ac",
  "f09f9880",
  "efbfbd",
  "ef",
  "c3",
  "f09f",
  "80",
  "ff",
);

Deno.test("decodeText: a long text is decoded as a short one, wherever it is cut into parts", () => {
  const whole = new TextDecoder("utf-8", { ignoreBOM: true });
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), fc.nat(8), (pieces, shift) => {
      const around = Uint8Array.fromHex(pieces.join(""));
      const bytes = new Uint8Array(140_000).fill(0x41);
      bytes.set(around, (1 << 16) - shift);
      bytes.set(around, 2 * (1 << 16) - shift);
      assertEquals(decodeText(bytes, "replace"), whole.decode(bytes));
      const letters = bytes.length - 2 * around.length;
      const own = decodeText(around, "ignore").length;
      assertEquals(decodeText(bytes, "ignore").length, letters + 2 * own);
    }),
    { numRuns: 300 },
  );
});

Deno.test("query: the deadline holds while a text that is not UTF-8 is decoded", async () => {
  using database = await openDatabase({ ddl: "CREATE TABLE t (a)" });
  for (const unit of ["ef", "efbf", "efbfbd"]) {
    const text = `replace(hex(zeroblob(${Math.floor(4_000_000 / unit.length)})), '0', x'${unit}')`;
    const sql = `SELECT ${Array(9).fill(`CAST(${text} || x'ff' AS TEXT)`)}`;
    for (const invalidText of ["replace", "ignore"] as const) {
      let fastest = Infinity;
      for (let attempt = 0; attempt < 4 && fastest > 220; attempt++) {
        const started = ownTime();
        const fault = await database.query(sql, { timeoutMs: 120, invalidText }).catch((fault) =>
          fault
        );
        fastest = Math.min(fastest, ownTime() - started);
        assert(!(fault instanceof Error) || fault instanceof SqlError && fault.kind === "timeout");
      }
      assert(fastest <= 220, `${unit} ${invalidText}: ${fastest} ms`);
    }
  }
});
