/**
 * Compares two builds, or one build on two sets of stores, alternating A B A B …, so that other load on the machine
 * affects both.
 */
import { delimiter, resolve } from 'node:path';
import { PrivateStack, type StackOptions } from '../verification/harness/stack.ts';
import { reconcile } from './bank.ts';
import { Contender } from './contender.ts';
import { round } from './measure.ts';
import type { Part } from './parts/part.ts';

export interface AgainstOptions {
  other: StackOptions;
  parts: readonly Part[];
  accounts: number;
  seconds: number;
  turnSeconds: number;
  rounds: number;
}

/**
 * The stack to compare with: another build, or this build with store programs from other folders. Null if neither is
 * given.
 */
export function otherStack(root: string | undefined, programs: string | undefined): StackOptions | null {
  if (root === undefined && programs === undefined) return null;
  return {
    ...(root !== undefined && { root: resolve(root) }),
    ...(programs !== undefined && { env: { PATH: `${programs}${delimiter}${process.env['PATH']}` } }),
  };
}

/**
 * Prints a table per part: the medians of each figure and this build's ratio to the other.
 * @returns whether both sets of books are consistent
 */
export async function against({
  other,
  parts,
  accounts,
  seconds,
  turnSeconds,
  rounds,
}: AgainstOptions): Promise<boolean> {
  await using mine = await PrivateStack.start();
  await using theirs = await PrivateStack.start(other);
  const [a, b] = [new Contender('this', mine), new Contender('other', theirs)];
  const options = { accounts, seconds, turnSeconds };
  for (const contender of [a, b]) await contender.prepare(accounts);
  // A warm-up that is not counted: the code is compiled, and pools and caches grow to their working size.
  for (const part of parts)
    for (const contender of [a, b]) await part.run({ stack: contender.stack, ...options, seconds: 2 });
  for (let turn = 0; turn < rounds; turn++) {
    for (const part of parts) {
      for (const contender of turn % 2 === 0 ? [a, b] : [b, a]) {
        const { figures } = await contender.run(part, options);
        console.log(
          `${part.name}, round ${turn + 1}, ${contender.name}: ${figures['/s'] ?? ''}/s, p99 ${figures['p99, ms'] ?? '–'} ms`,
        );
      }
    }
  }
  for (const { name, title } of parts)
    console.log(`\n${title}\n${comparison(a.medians(name).figures, b.medians(name).figures)}`);
  let clean = true;
  for (const own of [mine, theirs]) {
    // The checker can read only the rows of this build: another build may store them in a different form.
    const books = await reconcile(own.file, own === mine ? accounts : 0);
    if (books.clean) continue;
    clean = false;
    own.keep = true;
    console.error(
      `Reconciliation found drift: ${JSON.stringify(books.report).slice(0, 300)}; kept for inspection: ${own.keptAs}`,
    );
  }
  return clean;
}

function comparison(mine: Record<string, number>, theirs: Record<string, number>): string {
  const rows = Object.entries(mine).map(([name, value]) => {
    const other = theirs[name] ?? Number.NaN;
    return `| ${name} | ${round(value, 2)} | ${round(other, 2)} | ${other === 0 ? '' : (value / other).toFixed(3)} |`;
  });
  return ['| | this | other | ratio |', '|---|---|---|---|', ...rows].join('\n');
}
