/**
 * Parses the command lines of all commands in this project. A command declares its options once, in a table, and gets
 * typed values and `--help`. Unknown options and arguments are rejected with a one-sentence message and exit code 2.
 * Parsing uses Node.js's own `util.parseArgs`. This is JavaScript and imports no packages because `npm start` and `npm
 * test` run before packages are installed: docs/decisions/029-one-argument-parser.md.
 */
import { parseArgs } from 'node:util';

const HELP_INDENT = '  ';
const USAGE_EXIT_CODE = 2;

/** A mistake on a command line, described in one sentence. */
export class UsageError extends Error {
  /** @override */
  name = 'UsageError';
}

/**
 * @template T
 * @typedef {object} Option
 * @property {string | null} value name of its value in the help text; null: the option takes no value
 * @property {string} help
 * @property {string | null} shownDefault
 * @property {(name: string, texts: readonly string[] | undefined) => T} read texts: undefined when the option was not
 * given
 */

/** @typedef {Readonly<Record<string, Option<any>>>} Options */

/**
 * @template {Options} O
 * @typedef {{ [K in keyof O]: O[K] extends Option<infer T> ? T : never }} Values
 */

/**
 * @template {Options} O
 * @typedef {object} Command
 * @property {string} name what the user types, such as `npm run k6 --`
 * @property {string} about one or more sentences
 * @property {O} options
 * @property {Operands} [operands] none when omitted
 * @property {Readonly<Record<string, string>>} [environment] relevant environment variables and their meaning
 */

/**
 * @typedef {object} Operands
 * @property {string} label
 * @property {string} help
 * @property {readonly string[]} [choices] any value when omitted
 * @property {number} [min]
 * @property {number} [max]
 */

/**
 * An option without a value.
 * @param {string} help
 * @returns {Option<boolean>}
 */
export function flag(help) {
  return { value: null, help, shownDefault: null, read: (_, texts) => texts !== undefined };
}

/**
 * @template {string | undefined} [D=undefined]
 * @param {string} value
 * @param {string} help
 * @param {D} [fallback]
 * @returns {Option<string | D>}
 */
export function text(value, help, fallback) {
  return {
    value,
    help,
    shownDefault: fallback ?? null,
    read: (_, texts) => texts?.at(-1) ?? /** @type {D} */ (fallback),
  };
}

/**
 * A string option that may be repeated.
 * @param {string} value
 * @param {string} help
 * @returns {Option<readonly string[]>}
 */
export function texts(value, help) {
  return { value, help: `${help}; repeatable`, shownDefault: null, read: (_, given) => given ?? [] };
}

/**
 * A whole number within limits.
 * @template {number | undefined} [D=undefined]
 * @param {string} help
 * @param {{ min: number, max?: number, fallback?: D }} limits
 * @returns {Option<number | D>}
 */
export function wholeNumber(help, { min, max = Number.MAX_SAFE_INTEGER, fallback }) {
  const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
  return {
    value: 'N',
    help,
    shownDefault: fallback === undefined ? null : String(fallback),
    read(name, given) {
      const written = given?.at(-1);
      if (written === undefined) return /** @type {D} */ (fallback);
      const number = Number(written);
      if (/^\d+$/.test(written) && number >= min && number <= max) return number;
      throw new UsageError(`--${name} must be a whole number ${range}, not "${written}".`);
    },
  };
}

/**
 * One of a fixed set of words.
 * @template {string} T
 * @template {T | undefined} [D=undefined]
 * @param {readonly T[]} words
 * @param {string} help
 * @param {D} [fallback]
 * @returns {Option<T | D>}
 */
export function choice(words, help, fallback) {
  return {
    value: words.join('|'),
    help,
    shownDefault: fallback ?? null,
    read(name, given) {
      const written = given?.at(-1);
      if (written === undefined) return /** @type {D} */ (fallback);
      const word = words.find((one) => one === written);
      if (word !== undefined) return word;
      throw new UsageError(`--${name} must be one of ${words.join(', ')}, not "${written}".`);
    },
  };
}

/**
 * Any of a fixed set of words, separated by commas.
 * @template {string} T
 * @param {readonly T[]} words
 * @param {string} help
 * @returns {Option<readonly T[] | undefined>}
 */
export function some(words, help) {
  return {
    value: 'NAMES',
    help: `${help}, separated by commas: ${words.join(', ')}`,
    shownDefault: null,
    read(name, given) {
      const written = given?.at(-1)?.split(',');
      const unknown = written?.find((word) => !words.some((one) => one === word));
      if (unknown === undefined) return /** @type {T[] | undefined} */ (written);
      throw new UsageError(`--${name}: "${unknown}" is not one of ${words.join(', ')}.`);
    },
  };
}

/**
 * @template {Options} O
 * @param {Command<O>} command
 * @param {readonly string[]} args
 * @returns {{ values: Values<O>, operands: string[] }}
 * @throws {UsageError}
 */
export function parseCommandLine({ options, operands: wanted }, args) {
  const names = Object.keys(options);
  /** @param {string} name @returns {'boolean' | 'string'} */
  const typeOf = (name) => (options[name]?.value === null ? 'boolean' : 'string');
  const config = Object.fromEntries(names.map((name) => [name, { type: typeOf(name), multiple: true }]));
  const { values, positionals } = parsed(args, config, wanted !== undefined);
  const read = names.map((name) => {
    const given = /** @type {(string | boolean)[] | undefined} */ (values[name]);
    return [name, options[name]?.read(name, given?.map(String))];
  });
  if (wanted !== undefined) checkOperands(positionals, wanted);
  return { values: Object.fromEntries(read), operands: positionals };
}

/**
 * @param {readonly string[]} args
 * @param {Record<string, { type: 'boolean' | 'string', multiple: boolean }>} options
 * @param {boolean} allowPositionals
 */
function parsed(args, options, allowPositionals) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals, strict: true });
  } catch (error) {
    // The first sentence describes the mistake; the rest is advice from Node.js.
    if (error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS'))
      throw new UsageError(`${error.message.split(/\.\s|\n/)[0]?.replace(/\.$/, '')}.`);
    throw error;
  }
}

/**
 * @param {readonly string[]} operands
 * @param {Operands} wanted
 */
function checkOperands(operands, { label, choices, min = 0, max = Number.POSITIVE_INFINITY }) {
  const unknown = operands.find((operand) => choices !== undefined && !choices.includes(operand));
  if (unknown !== undefined) throw new UsageError(`"${unknown}" is not one of ${choices?.join(', ')}.`);
  if (operands.length < min) throw new UsageError(`${label} is missing${choices ? `: ${choices.join(', ')}` : ''}.`);
  if (operands.length > max) throw new UsageError(`Unexpected argument "${operands[max]}".`);
}

/**
 * @param {Command<any>} command
 * @returns {string} what `--help` prints
 */
export function helpOf({ name, about, options, operands, environment = {} }) {
  const rows = Object.entries(/** @type {Options} */ (options)).map(
    ([option, { value, help, shownDefault }]) =>
      /** @type {[string, string]} */ ([
        `--${option}${value === null ? '' : ` ${value}`}`,
        shownDefault === null ? help : `${help} (${shownDefault})`,
      ]),
  );
  const all = [...rows, /** @type {[string, string]} */ (['--help', 'show this help'])];
  const sections = [`Usage: ${name} [options]${operands ? ` ${operands.label}` : ''}`, about];
  if (operands) {
    const words = operands.choices ? `\n${HELP_INDENT}One of: ${operands.choices.join(', ')}.` : '';
    sections.push(`${operands.label}\n${HELP_INDENT}${operands.help}${words}`);
  }
  sections.push(`Options\n${aligned(all)}`);
  const variables = Object.entries(environment);
  if (variables.length > 0) sections.push(`Environment\n${aligned(variables)}`);
  return `${sections.join('\n\n')}\n`;
}

/** @param {readonly (readonly [string, string])[]} rows */
function aligned(rows) {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `${HELP_INDENT}${left.padEnd(width)}  ${right}`).join('\n');
}

/**
 * Prints a usage error and exits.
 * @param {Command<any>} command
 * @param {string} message
 * @returns {never}
 */
export function refuse({ name }, message) {
  process.stderr.write(`${message}\nTry: ${name} --help\n`);
  process.exit(USAGE_EXIT_CODE);
}

/** The arguments that the user typed after the name of the command, for a command that has subcommands. */
export const givenArguments = () => process.argv.slice(2);

/** @param {readonly string[]} args */
export function asksForHelp(args) {
  const end = args.indexOf('--');
  return (end === -1 ? args : args.slice(0, end)).some((arg) => arg === '--help' || arg === '-h');
}

/**
 * Call this first in a command: it prints the help and exits with 0, or reports a usage error and exits with 2.
 * @template {Options} O
 * @param {Command<O>} command
 * @param {readonly string[]} [args]
 * @returns {{ values: Values<O>, operands: string[] }}
 */
export function readCommandLine(command, args = givenArguments()) {
  if (asksForHelp(args)) {
    process.stdout.write(helpOf(command));
    process.exit(0);
  }
  try {
    return parseCommandLine(command, args);
  } catch (error) {
    if (error instanceof UsageError) refuse(command, error.message);
    throw error;
  }
}

/**
 * For the generators of committed files.
 * @param {string} name
 * @param {string} about
 */
export function readWriteCommand(name, about) {
  const command = { name, about, options: { write: flag('write the files; required') } };
  if (!readCommandLine(command).values.write) refuse(command, 'Nothing is written without --write.');
}
