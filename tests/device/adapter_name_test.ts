import { assertEquals } from "@std/assert";
import { adapterName } from "../../src/device/adapter_name.ts";

Deno.test("adapterName: the description, or else the device, or else a word for none", () => {
  const name = (info: Partial<GPUAdapterInfo>) =>
    adapterName({ description: "", device: "", ...info } as GPUAdapterInfo);
  assertEquals(name({ description: "llvmpipe", device: "0x10" }), "llvmpipe");
  assertEquals(name({ device: "0x10" }), "0x10");
  assertEquals(name({}), "unnamed adapter");
});
