/**
 * `npm run clients:generated`: generates clients in Python, Go and Java from the OpenAPI document of a real pod, compiles
 * them, and lets the example of each language (clients/generated) post a transfer through a connection that loses
 * answers. Not part of `npm test`, because it installs compilers and generators of three languages.
 */
import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readCommandLine, some } from '../../app/config/command-line.mjs';
import { newUuidV7 } from '../../app/domain/ids.ts';
import { installPrograms } from '../../devstack/install/packages.mjs';
import { messageOf } from '../../devstack/system/console.mjs';
import { PrivateStack } from '../../verification/harness/stack.ts';
import { LossyProxy } from './lossy-proxy.ts';

const ROOT = join(import.meta.dirname, '../..');
const EXAMPLES = join(ROOT, 'clients/generated');
/** Kept, so that a second run installs nothing. */
const CACHE = join(ROOT, 'node_modules/.cache/holdfast-generated');
const COMMAND_MS_MAX = 900_000;
const JAVA_GENERATOR = 'org.openapitools:openapi-generator-cli:7.17.0';
const LANGUAGES = ['python', 'go', 'java'] as const;
type Language = (typeof LANGUAGES)[number];

/** How to run the example of a language, once it is generated and compiled. */
interface Program {
  readonly command: readonly [string, ...string[]];
  readonly folder: string;
}

/** @returns its output @throws Error with the end of it, if the command fails */
function run([command, ...args]: readonly [string, ...string[]], folder: string, env = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: folder,
      env: { ...process.env, ...env },
      timeout: COMMAND_MS_MAX,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    let printed = '';
    child.stdout.on('data', (data) => {
      output += String(data);
      printed += String(data);
    });
    child.stderr.on('data', (data) => {
      output += String(data);
    });
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve(printed);
      else reject(new Error(`${[command, ...args].join(' ').slice(0, 300)} failed (${code}):\n${output.slice(-3000)}`));
    });
  });
}

/** A copy of the example, in which code is generated. */
function workFolder(language: Language): string {
  const folder = join(CACHE, language, 'work');
  rmSync(folder, { recursive: true, force: true });
  cpSync(join(EXAMPLES, language), folder, { recursive: true });
  return folder;
}

async function python(document: string): Promise<Program> {
  const folder = workFolder('python');
  const venv = join(CACHE, 'python/venv');
  const bin = join(venv, 'bin');
  if (!existsSync(join(bin, 'python'))) await run(['python3', '-m', 'venv', venv], folder);
  await run([join(bin, 'pip'), 'install', '--quiet', '--requirement', 'requirements.txt'], folder);
  const output = ['--meta', 'none', '--output-path', 'holdfast_client'];
  await run([join(bin, 'openapi-python-client'), 'generate', '--path', document, ...output], folder, {
    PATH: `${bin}:${process.env['PATH']}`,
  });
  await run([join(bin, 'python'), '-m', 'compileall', '-q', 'holdfast_client'], folder);
  return { command: [join(bin, 'python'), 'first_transfer.py'], folder };
}

async function go(document: string): Promise<Program> {
  const folder = workFolder('go');
  mkdirSync(join(folder, 'holdfast'));
  const output = ['-generate', 'types,client', '-package', 'holdfast', '-o', 'holdfast/client.go'];
  await run(['go', 'tool', 'oapi-codegen', ...output, document], folder);
  await run(['go', 'build', '-o', 'first-transfer', '.'], folder);
  return { command: ['./first-transfer'], folder };
}

const JAVA_OPTIONS = [
  'useJakartaEe=true',
  'invokerPackage=io.holdfast.client',
  'apiPackage=io.holdfast.client.api',
  'modelPackage=io.holdfast.client.model',
].join(',');

async function java(document: string): Promise<Program> {
  const folder = workFolder('java');
  const libraries = join(CACHE, 'java/libraries');
  const jar = join(CACHE, 'java/openapi-generator-cli.jar');
  const maven = ['mvn', '--quiet', '--batch-mode'] as const;
  await run([...maven, 'dependency:copy-dependencies', `-DoutputDirectory=${libraries}`], folder);
  if (!existsSync(jar)) {
    const [, name, version] = JAVA_GENERATOR.split(':');
    await run([...maven, 'dependency:copy', `-Dartifact=${JAVA_GENERATOR}`, `-DoutputDirectory=${folder}`], folder);
    cpSync(join(folder, `${name}-${version}.jar`), jar);
  }
  const wanted = 'apis,models,supportingFiles,apiTests=false,modelTests=false,apiDocs=false,modelDocs=false';
  const input = ['-i', document, '-g', 'java', '--library', 'native', '-o', 'generated'];
  const options = [`--additional-properties=${JAVA_OPTIONS}`, `--global-property=${wanted}`];
  await run(['java', '-jar', jar, 'generate', ...input, ...options], folder);
  const sources = readdirSync(join(folder, 'generated/src/main/java'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.java'))
    .map((name) => join('generated/src/main/java', name));
  writeFileSync(join(folder, 'sources'), ['FirstTransfer.java', ...sources].join('\n'));
  await run(['javac', '-nowarn', '-cp', `${libraries}/*`, '-d', 'classes', '@sources'], folder);
  return { command: ['java', '-cp', `classes:${libraries}/*`, 'FirstTransfer'], folder };
}

const GENERATED: Readonly<Record<Language, (document: string) => Promise<Program>>> = { python, go, java };

/** Posts one transfer whose first answer is lost, and then the same again. @throws Error if it prints anything else */
async function check({ command, folder }: Program, url: string, apiKey: string): Promise<void> {
  const id = newUuidV7(Date.now());
  await using proxy = await LossyProxy.start(url);
  const printed = await run(command, folder, { API: proxy.url, KEY: apiKey, ID: id });
  if (printed.trim() !== `posted ${id} replayed`) throw new Error(`after a lost answer, it printed: ${printed}`);
  if (proxy.requests !== 3) throw new Error(`it sent ${proxy.requests} requests, not 3`);
  const other = newUuidV7(Date.now());
  const direct = await run(command, folder, { API: url, KEY: apiKey, ID: other });
  if (direct.trim() !== `posted ${other} new`) throw new Error(`it printed: ${direct}`);
}

async function main(languages: readonly Language[]): Promise<number> {
  mkdirSync(CACHE, { recursive: true });
  await installPrograms(languages, { logFile: join(CACHE, 'apt.log') });
  await using stack = await PrivateStack.start();
  const { apiKey, api } = stack.file;
  const url = api[0] ?? '';
  const document = join(CACHE, 'openapi.json');
  writeFileSync(document, await (await fetch(`${url}/openapi.json`)).text());
  let failed = 0;
  for (const language of languages) {
    const since = performance.now();
    const seconds = () => `${((performance.now() - since) / 1000).toFixed(1)} s`;
    try {
      await check(await GENERATED[language](document), url, apiKey);
      console.log(`${language}: generated, compiled, and posted transfers (${seconds()})`);
    } catch (error) {
      failed++;
      console.error(`${language}: ${messageOf(error)} (${seconds()})`);
    }
  }
  console.log(`${languages.length - failed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

const { values } = readCommandLine({
  name: 'npm run clients:generated --',
  about:
    'Generates clients in Python, Go and Java from the OpenAPI document, compiles them, and posts a transfer with each to a stack of its own, through a connection that loses answers. Installs what is missing.',
  options: { only: some(LANGUAGES, 'only these languages') },
});
process.exitCode = await main(values.only ?? LANGUAGES);
