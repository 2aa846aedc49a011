import type { Writable } from 'node:stream';
import type { WriteStream } from 'node:tty';

/** Characters that would move the cursor, hide text or reverse it: names and references come from other people. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}]/gu;
const GAP = '  ';

export type Cell = string | number | boolean | null | undefined;

export const printable = (cell: Cell): string => (cell ?? '').toString().replace(UNPRINTABLE, '\uFFFD');

/** Rows under a line of titles. Columns whose title begins with `>` are aligned to the right. */
export function tableOf(titles: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const names = titles.map((title) => title.replace(/^>/, ''));
  const texts = [names, ...rows.map((row) => row.map(printable))];
  const widths = names.map((_, column) => Math.max(...texts.map((row) => [...(row[column] ?? '')].length)));
  const line = (row: readonly string[]) =>
    names
      .map((_, column) => {
        const text = row[column] ?? '';
        const space = ' '.repeat((widths[column] ?? 0) - [...text].length);
        return titles[column]?.startsWith('>') ? space + text : text + space;
      })
      .join(GAP)
      .trimEnd();
  return `${texts.map(line).join('\n')}\n`;
}

/** One line per fact; facts without a value are left out. */
export function factsOf(facts: Readonly<Record<string, Cell>>): string {
  const given = Object.entries(facts).filter(([, value]) => value !== undefined && value !== null && value !== '');
  const width = Math.max(0, ...given.map(([name]) => name.length));
  return given.map(([name, value]) => `${name.padEnd(width)}${GAP}${printable(value)}\n`).join('');
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const cellOf = (value: unknown): Cell =>
  value === null || ['string', 'number', 'boolean', 'undefined'].includes(typeof value)
    ? (value as Cell)
    : JSON.stringify(value);

/**
 * A report whose members are not known in advance: facts, and a table for each list of objects. The names of nested
 * members begin with the name of their object.
 */
export function reportOf(report: Readonly<Record<string, unknown>>): string {
  const facts: Record<string, Cell> = {};
  const tables: string[] = [];
  const add = (name: string, value: unknown): void => {
    if (isRecord(value)) for (const [member, more] of Object.entries(value)) add(`${name} ${member}`, more);
    else if (Array.isArray(value) && value.length > 0 && value.every(isRecord)) {
      const titles = [...new Set(value.flatMap(Object.keys))];
      const rows = value.map((row) => titles.map((title) => cellOf(row[title])));
      tables.push(`\n${printable(name)}\n${tableOf(titles, rows)}`);
    } else facts[name] = Array.isArray(value) && value.length === 0 ? 'none' : cellOf(value);
  };
  for (const [name, value] of Object.entries(report)) add(name, value);
  return factsOf(facts) + tables.join('');
}

/** Where a command writes. With `--json`, every result is one line of JSON. */
export class Output {
  readonly isJson: boolean;
  readonly #stdout: Writable;
  readonly #stderr: Writable;

  constructor(stdout: Writable, stderr: Writable, isJson: boolean) {
    this.#stdout = stdout;
    this.#stderr = stderr;
    this.isJson = isJson;
  }

  /** Where progress is shown. */
  get progress(): { isTTY: boolean; columns?: number; write(text: string): unknown } {
    const { isTTY = false, columns } = this.#stderr as Partial<WriteStream>;
    return {
      isTTY,
      write: (text) => !this.isJson && this.#stderr.write(text),
      ...(columns !== undefined && { columns }),
    };
  }

  /** A result: as JSON, or as text for people. */
  result(json: object, text: () => string): void {
    this.#stdout.write(this.isJson ? `${JSON.stringify(json)}\n` : text());
  }

  /** Writes content unchanged; waits for a slow reader. */
  async content(chunk: string | Uint8Array): Promise<void> {
    if (this.#stdout.write(chunk)) return;
    await new Promise<void>((resolve) => this.#stdout.once('drain', resolve));
  }

  /** A message for people, on standard error, so that it does not get into a pipe. */
  note(text: string): void {
    if (!this.isJson) this.#stderr.write(`${printable(text)}\n`);
  }

  error(json: object, text: string): void {
    this.#stderr.write(this.isJson ? `${JSON.stringify(json)}\n` : `${text.split('\n').map(printable).join('\n')}\n`);
  }
}
