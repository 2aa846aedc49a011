import type { AuditFault } from '../../audit/audit-source.ts';
import type { VerifyResult } from './verify-export.ts';

/** As text: one paragraph for each shard. */
export const resultsText = (results: readonly VerifyResult[]): string => results.map(resultText).join('\n\n');

function resultText(result: VerifyResult): string {
  const { ledgerId, shard, position, entries, accounts, rows, olderRows, at, faults } = result;
  const { anchorsMatched, anchorsOfOthers, anchorsLater, signatureVerified } = result;
  return [
    `Ledger ${ledgerId}, shard ${shard}, up to position ${position} (${new Date(at).toISOString()}): ${entries} entries of the log, ${rows} rows and ${accounts} accounts of the books.`,
    ...(olderRows > 0 ? [`${olderRows} rows are older than the log, and were not compared.`] : []),
    ...(result.unknown > 0
      ? [`${result.unknown} entries are of types that this release does not know, and were not checked.`]
      : []),
    ...statesText(result),
    anchorsMatched === null
      ? 'No anchors were compared: a log that was recomputed as a whole would not be detected.'
      : `${anchorsMatched} anchors agree with the log.`,
    ...(anchorsOfOthers > 0 ? [`${anchorsOfOthers} anchors belong to other ledgers, and were not compared.`] : []),
    ...(anchorsLater > 0 ? [`${anchorsLater} anchors were signed after the export, and were not compared.`] : []),
    ...(signatureVerified === false ? ['The signature of the export was not verified; --key verifies it.'] : []),
    faults.length === 0 ? 'Everything agrees.' : `Faults:\n${faults.map(faultText).join('\n')}`,
  ].join('\n');
}

function statesText({ states }: VerifyResult): string[] {
  const { areComplete, accounts, openedLater, lastPosition } = states;
  return [
    ...(accounts > 0
      ? [
          `${accounts} accounts have a state in the log instead of an opening, the latest one at position ${lastPosition}; ${openedLater} of them were opened after the log began.`,
        ]
      : []),
    ...(areComplete
      ? []
      : [
          'Keepers are still adding states of accounts: accounts without one, and the sums, were not checked. Verify again.',
        ]),
  ];
}

function faultText({ position, index, what, problem }: AuditFault): string {
  const place = position === null ? '' : ` (position ${position}${index === null ? '' : `, entry ${index}`})`;
  return `  ${what}${place}: ${problem}`;
}
