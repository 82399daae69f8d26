/**
 * Sees to it that Linux has a Vulkan driver before a task opens the GPU. Other systems bring their
 * driver with them.
 * @module
 */
import { DeviceError } from "../errors.ts";

const UPDATE = ["apt-get", "update", "-q"];
const INSTALL = [
  "apt-get",
  "install",
  "-y",
  "--no-install-recommends",
  "libvulkan1",
  "mesa-vulkan-drivers",
];

/** What a command left behind. */
export interface CommandResult {
  readonly success: boolean;
  /** The end of its output, for an error message. */
  readonly lastLines: string;
}

/** What {@linkcode ensureAdapter} asks of the machine it runs on. */
export interface Machine {
  readonly os: typeof Deno.build.os;
  /** Sets an environment variable that is unset; one that the user has set stays as it is. */
  setDefault(variable: string, value: string): void;
  /** Whether there is an adapter now. */
  hasAdapter(): Promise<boolean>;
  /** Whether apt-get exists and this user may install packages. */
  canInstall(): Promise<boolean>;
  run(command: readonly string[]): Promise<CommandResult>;
  say(text: string): void;
}

/**
 * Makes sure that {@linkcode openDevice} finds an adapter: where Linux has none, root gets Debian's
 * software driver installed. Call it before this process first asks for an adapter, because the
 * process sees the drivers that were there when it did.
 *
 * @throws {DeviceError} if there is no driver and none can be installed; it names the command to run
 */
export async function ensureAdapter(machine: Machine = thisMachine): Promise<void> {
  if (machine.os !== "linux") return;
  // Vulkan only: Deno would fall back to OpenGL, which is slower and can abort when a process exits.
  machine.setDefault("DENO_WEBGPU_BACKEND", "vulkan");
  // Mesa complains on stderr where this is unset; it is not used without a display.
  machine.setDefault("XDG_RUNTIME_DIR", "/tmp");
  if (await machine.hasAdapter()) return;
  if (!await machine.canInstall()) {
    const commands = [UPDATE, INSTALL].map((command) => `sudo ${command.join(" ")}`).join(" && ");
    throw new DeviceError(
      "Cannot open a GPU: this machine has no working Vulkan driver; install the one of its GPU, " +
        `or the software driver, on Debian and Ubuntu with\n  ${commands}`,
    );
  }
  machine.say(
    "No Vulkan driver found. Installing Debian's software driver, which is correct but slow:\n" +
      `  ${INSTALL.join(" ")}`,
  );
  await install(machine);
  if (!await machine.hasAdapter()) {
    throw new DeviceError(
      "Cannot open a GPU: the software driver is installed, yet no adapter is found; " +
        "look at the output of `VK_LOADER_DEBUG=all vulkaninfo --summary` (package vulkan-tools)",
    );
  }
  machine.say("The software driver is installed.");
}

async function install(machine: Machine): Promise<void> {
  // One unreachable package source fails the update but need not concern these packages.
  const updated = await machine.run(UPDATE);
  const installed = await machine.run(INSTALL);
  if (installed.success) return;
  const failed = [[UPDATE, updated] as const, [INSTALL, installed] as const]
    .filter(([, result]) => !result.success)
    .map(([command, result]) => `${command.join(" ")}:\n${result.lastLines}`);
  throw new DeviceError(
    "Cannot install the software Vulkan driver: apt-get failed; mend what it says and run the " +
      `command again\n${failed.join("\n")}`,
  );
}

/** The machine that this process runs on. */
export const thisMachine: Machine = {
  os: Deno.build.os,
  setDefault(variable, value) {
    if (!Deno.env.has(variable)) Deno.env.set(variable, value);
  },
  /**
   * Asks in a worker. WebGPU looks for drivers once per thread, when that first asks for an adapter,
   * so the main thread must not ask before the driver is there.
   */
  hasAdapter() {
    const worker = new Worker(import.meta.resolve("./adapter_probe.ts"), { type: "module" });
    const { promise, resolve, reject } = Promise.withResolvers<boolean>();
    worker.onmessage = ({ data }: MessageEvent<boolean>) => resolve(data);
    worker.onerror = (event) => {
      event.preventDefault();
      reject(new DeviceError(`Cannot look for a GPU: ${event.message}`));
    };
    return promise.finally(() => worker.terminate());
  },
  async canInstall() {
    if (Deno.uid() !== 0) return false;
    try {
      return (await thisMachine.run(["apt-get", "--version"])).success;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return false;
      throw error;
    }
  },
  async run([program, ...args]) {
    // A task may run apt-get but not with LD_LIBRARY_PATH and its like, which CUDA users have set.
    const env = Object.entries(Deno.env.toObject()).filter(([name]) => !name.startsWith("LD_"));
    const { success, stdout, stderr } = await new Deno.Command(program, {
      args,
      clearEnv: true,
      env: { ...Object.fromEntries(env), DEBIAN_FRONTEND: "noninteractive" },
      stdin: "null",
    }).output();
    const output = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("");
    return { success, lastLines: output.trim().split("\n").slice(-6).join("\n") };
  },
  say: (text) => console.error(text),
};
