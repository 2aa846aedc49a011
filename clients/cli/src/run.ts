import type { Readable, Writable } from 'node:stream';
import { asksForHelp, helpOf, parseCommandLine, UsageError } from '../../../app/config/command-line.mjs';
import { HoldfastError, ProblemError } from '../../typescript/src/errors.ts';
import { type CliCommand, clientOf, type Surroundings, serviceOf } from './command.ts';
import { COMMANDS } from './commands/all.ts';
import { candidatesFor } from './completion.ts';
import { EXIT, type ExitCode, exitCodeOf } from './exit-code.ts';
import { Output } from './output.ts';
import { Profiles, profilesFile } from './profiles.ts';

export interface Machine {
  readonly env: NodeJS.ProcessEnv;
  readonly home: string;
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly stdin: Readable;
  readonly signal: AbortSignal;
}

/** The command that shells call to complete a line; not meant for people. */
const COMPLETE = '__complete';
const KEY_CHARACTERS_MAX = 16_384;

/** Runs one command line. @returns the exit code */
export async function run(args: readonly string[], machine: Machine): Promise<ExitCode> {
  const { env, home, stdin, stdout, stderr, signal } = machine;
  const output = new Output(stdout, stderr, args.includes('--json'));
  const profiles = new Profiles(profilesFile(env, home));
  if (args[0] === COMPLETE) {
    stdout.write(
      candidatesFor(args.slice(1), COMMANDS, profiles)
        .map((word) => `${word}\n`)
        .join(''),
    );
    return EXIT.done;
  }
  try {
    const found = COMMANDS.find(({ path }) => isPrefix(path.split(' '), args));
    if (!found) return await withoutCommand(args, output);
    const rest = args.slice(found.path.split(' ').length);
    if (asksForHelp(rest)) {
      await output.content(helpOf(found));
      return EXIT.done;
    }
    return await execute(found, rest, { env, output, profiles, signal, readStdin: () => readAll(stdin) });
  } catch (error) {
    return reportError(error, output);
  }
}

async function execute(found: CliCommand, args: readonly string[], surroundings: Surroundings): Promise<ExitCode> {
  const { values, operands } = parseCommandLine(found, args);
  const { profile, url, timeout } = values as { profile?: string; url?: string; timeout: number };
  const service = () => serviceOf(surroundings, { profile, url });
  const holdfast = () => clientOf(service(), timeout);
  return found.run({ ...surroundings, values: values as never, operands, service, holdfast });
}

const isPrefix = (words: readonly string[], args: readonly string[]) => words.every((word, i) => args[i] === word);

/** Without a command: the list of commands. @throws UsageError for an unknown command or option */
async function withoutCommand(args: readonly string[], output: Output): Promise<ExitCode> {
  const isHelp = args.length === 0 || asksForHelp(args) || args[0] === 'help';
  const [word, more] = args.filter((arg) => arg !== 'help' && !arg.startsWith('-'));
  const listed = COMMANDS.filter(({ path }) => word === undefined || path.split(' ')[0] === word);
  if (listed.length === 0 || (more !== undefined && !isHelp))
    throw new UsageError(`There is no command "${[word, more].filter(Boolean).join(' ')}".`);
  if (word === undefined && !isHelp) throw new UsageError(`Unknown option '${args[0]}'.`);
  await output.content(overviewOf(listed));
  return isHelp ? EXIT.done : EXIT.usage;
}

function overviewOf(commands: readonly CliCommand[]): string {
  const width = Math.max(...commands.map(({ path }) => path.length));
  const lines = commands.map(
    ({ path, about }) => `  ${path.padEnd(width)}  ${about.split('. ')[0]?.replace(/\.$/, '')}`,
  );
  return `Usage: holdfast COMMAND [options]\n\nCommands\n${lines.join('\n')}\n\nOptions\n  --help  show this help; after a command, its options\n`;
}

function reportError(error: unknown, output: Output): ExitCode {
  if (error instanceof UsageError) {
    output.error({ error: 'usage', detail: error.message }, `${error.message}\nTry: holdfast --help`);
    return EXIT.usage;
  }
  const code = exitCodeOf(error);
  const detail = error instanceof Error ? error.message : String(error);
  if (error instanceof ProblemError) output.error({ error: error.code, problem: error.problem }, problemText(error));
  else if (error instanceof HoldfastError)
    output.error({ error: error.name, detail, correlationId: error.correlationId }, detail);
  else output.error({ error: 'failed', detail }, detail);
  return code;
}

function problemText({ problem }: ProblemError): string {
  const fields = (problem.errors ?? []).map(({ pointer, detail }) => `  ${pointer}: ${detail}`);
  return [
    `${problem.title} (${problem.code}): ${problem.detail}`,
    ...fields,
    `Correlation id: ${problem.correlationId}`,
  ].join('\n');
}

async function readAll(stdin: Readable): Promise<string> {
  let text = '';
  for await (const chunk of stdin) {
    text += String(chunk);
    if (text.length > KEY_CHARACTERS_MAX) throw new UsageError('Standard input is too long for a key.');
  }
  return text;
}
