import { toDecimal } from './money.ts';
import { count, duration } from './progress.ts';
import type { Check } from './tally.ts';

const EXAMPLES_MAX = 5;

export function printChecks(checks: readonly Check[]): void {
  const width = Math.max(...checks.map((check) => check.title.length));
  console.log(`\n${'what must agree'.padEnd(width)}  ${'compared'.padStart(10)}  ${'differing'.padStart(10)}`);
  for (const { title, compared, differing, examples } of checks) {
    console.log(`${title.padEnd(width)}  ${count(compared).padStart(10)}  ${count(differing).padStart(10)}`);
    for (const example of examples) console.log(`    ${example}`);
  }
}

/** Prints how far the last balances recorded by the bank are from the exact ones, in haléř. */
export function printDrift(drift: ReadonlyMap<string, bigint>): void {
  const histogram = new Map<bigint, number>();
  for (const difference of drift.values()) histogram.set(difference, (histogram.get(difference) ?? 0) + 1);
  const different = [...drift].filter(([, difference]) => difference !== 0n);
  console.log(
    `\nThe bank rounded some of its recorded balances by 0.10. At the end, ${count(different.length)} of ${count(drift.size)} ` +
      'accounts differ from their recorded balances by the sum of those roundings:',
  );
  for (const [difference, accounts] of [...histogram].sort(([a], [b]) => Number(a - b))) {
    console.log(`  ${signed(difference).padStart(7)} CZK, accounts: ${count(accounts).padStart(7)}`);
  }
  const examples = different.slice(0, EXAMPLES_MAX).map(([id, difference]) => `${id} ${signed(difference)}`);
  if (examples.length > 0) console.log(`  for example ${examples.join(', ')}`);
}

export function printTimes(times: readonly (readonly [what: string, ms: number, note: string])[]): void {
  console.log('');
  for (const [what, ms, note] of times) console.log(`${what.padEnd(8)} ${duration(ms).padStart(8)}  ${note}`);
}

function signed(difference: bigint): string {
  return `${difference > 0n ? '+' : ''}${toDecimal(difference, 'CZK')}`;
}
