import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  type DisplayTarget,
  interrupt,
  interruptible,
  liveDisplay,
  sendToCell,
} from "../../src/notebook/kernel.ts";
import { bundleOf, type MimeBundle, stack, view, withView } from "../../src/notebook/view.ts";

const text = (content: string) => view({ "text/plain": content });

function recorder() {
  const sent: (DisplayTarget & { readonly text: string })[] = [];
  return {
    sent,
    send: (bundle: MimeBundle, target: DisplayTarget) => {
      sent.push({ ...target, text: bundle["text/plain"] });
      return Promise.resolve();
    },
  };
}

Deno.test("a live display shows once, then updates in place, not too often, and its end for certain", async () => {
  const { sent, send } = recorder();
  let time = 0;
  const display = liveDisplay({ send, intervalMs: 100, now: () => time });
  let made = 0;
  for (time = 0; time <= 250; time += 50) {
    await display.update(() => {
      made++;
      return text(`at ${time}`);
    });
  }
  await display.finish(text("end"));
  assertEquals(sent.map(({ text, update, last }) => [text, update, last]), [
    ["at 0", false, false],
    ["at 100", true, false],
    ["at 200", true, false],
    ["end", true, true],
  ]);
  assertEquals(made, 3, "views were made that nobody saw");
  assertEquals(new Set(sent.map(({ id }) => id)).size, 1);
});

Deno.test("a live display keeps its order where nobody waits for it", async () => {
  const sent: string[] = [];
  const delays = [20, 0];
  const send = async (bundle: MimeBundle, { update }: DisplayTarget) => {
    await new Promise((resolve) => setTimeout(resolve, delays.shift()));
    sent.push(`${bundle["text/plain"]} ${update}`);
  };
  const display = liveDisplay({ send });
  display.update(() => text("first"));
  await display.finish(text("last"));
  assertEquals(sent, ["first false", "last true"]);
});

Deno.test("outside of a notebook nothing is sent and nothing fails", async () => {
  await sendToCell({ "text/plain": "x" }, { id: "1", update: false, last: true });
});

Deno.test("interrupt ends what runs with an AbortError, and only that", async () => {
  interrupt();
  const stopped = interruptible((signal) =>
    new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)))
  );
  interrupt();
  assertEquals((await assertRejects(() => stopped, DOMException)).name, "AbortError");
  const seen = await interruptible((signal) => Promise.resolve(signal));
  interrupt();
  assert(!seen.aborted, "work that is over was interrupted");
});

Deno.test("views: what the kernel asks for, and what is printed elsewhere", () => {
  const shown = withView({ steps: 3 }, { "text/plain": "three", "text/html": "<b>3</b>" });
  assertEquals(shown.steps, 3);
  assertEquals(bundleOf(shown)["text/html"], "<b>3</b>");
  assertEquals(Deno.inspect(shown), "three");
  const html = stack([shown, view({ "text/plain": "chart", "image/svg+xml": "<svg/>" })]);
  assertEquals(bundleOf(html), { "text/plain": "three\n\nchart", "text/html": "<b>3</b>\n<svg/>" });
  assertEquals(Object.keys(bundleOf(stack([shown, text("only text")]))), ["text/plain"]);
});
