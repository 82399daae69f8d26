import { assert, assertEquals, assertRejects } from "@std/assert";
import { hubEnvironment } from "../../src/cli/hub_environment.ts";
import { ConfigError } from "../../src/errors.ts";

/** The environment made from variables and files. */
function environment(
  variables: Record<string, string>,
  files: Record<string, string> = {},
) {
  return hubEnvironment({
    get: (name) => ({ HOME: "/home/ann", ...variables })[name],
    readText: (path) => Promise.resolve(files[path] ?? null),
  });
}

Deno.test("the defaults are huggingface_hub's", async () => {
  assertEquals(await environment({}), {
    cacheDirectory: "/home/ann/.cache/huggingface/hub",
    endpoint: "https://huggingface.co",
    offline: false,
    token: null,
  });
});

Deno.test("the cache: HF_HUB_CACHE over its old name over HF_HOME over XDG_CACHE_HOME", async () => {
  const variables = {
    XDG_CACHE_HOME: "/xdg",
    HF_HOME: "~/hf",
    HUGGINGFACE_HUB_CACHE: "/old",
    HF_HUB_CACHE: "$HOME/new/${HF_NAME}/$UNSET",
    HF_NAME: "x",
  };
  const expected = [
    ["HF_HUB_CACHE", "/home/ann/new/x/$UNSET"],
    ["HUGGINGFACE_HUB_CACHE", "/old"],
    ["HF_HOME", "/home/ann/hf/hub"],
    ["XDG_CACHE_HOME", "/xdg/huggingface/hub"],
  ];
  const left: Record<string, string> = { ...variables };
  for (const [name, path] of expected) {
    assertEquals((await environment(left)).cacheDirectory, path);
    delete left[name];
  }
});

Deno.test("the token: HF_TOKEN over its old name over the file, without line ends", async () => {
  const files = { "/home/ann/.cache/huggingface/token": "hf_file\n", "/t": "hf_other" };
  const tokenOf = async (variables: Record<string, string>) =>
    (await environment(variables, files)).token;
  assertEquals(await tokenOf({ HF_TOKEN: " hf_a\n", HUGGING_FACE_HUB_TOKEN: "hf_b" }), "hf_a");
  assertEquals(await tokenOf({ HF_TOKEN: "", HUGGING_FACE_HUB_TOKEN: "hf_b" }), "hf_b");
  assertEquals(await tokenOf({}), "hf_file");
  assertEquals(await tokenOf({ HF_TOKEN_PATH: "/t" }), "hf_other");
  assertEquals(await tokenOf({ HF_HOME: "/nowhere" }), null);
  assertEquals(await tokenOf({ HF_TOKEN: "hf_a", HF_HUB_DISABLE_IMPLICIT_TOKEN: "1" }), null);
});

Deno.test("offline is said as in Python", async () => {
  const offline = async (value: string) => (await environment({ HF_HUB_OFFLINE: value })).offline;
  for (const value of ["1", "on", "YES", "True"]) assert(await offline(value), value);
  for (const value of ["", "0", "false", "no"]) assert(!await offline(value), value);
  assert((await environment({ TRANSFORMERS_OFFLINE: "1" })).offline);
});

Deno.test("without a home there must be HF_HOME", async () => {
  await assertRejects(() => environment({ HOME: "" }), ConfigError, "set HF_HOME");
  assertEquals((await environment({ HOME: "", HF_HOME: "/hf" })).cacheDirectory, "/hf/hub");
});
