import type { AuditFault } from '../../audit/audit-source.ts';
import type { VerifyResult } from './verify.ts';

/** As text: one paragraph for each shard. */
export const resultsText = (results: readonly VerifyResult[]): string => results.map(resultText).join('\n\n');

function resultText(result: VerifyResult): string {
  const { shard, position, entries, accounts, rows, olderRows, at, faults, anchorsMatched, signatureVerified } = result;
  return [
    `Shard ${shard}, up to position ${position} (${new Date(at).toISOString()}): ${entries} entries of the log, ${rows} rows and ${accounts} accounts of the books.`,
    ...(olderRows > 0 ? [`${olderRows} rows are older than the log, and were not compared.`] : []),
    anchorsMatched === null
      ? 'No anchors were compared: a log that was recomputed as a whole would not be detected.'
      : `${anchorsMatched} anchors agree with the log.`,
    ...(signatureVerified === false ? ['The signature of the export was not verified; --key verifies it.'] : []),
    faults.length === 0 ? 'Everything agrees.' : `Faults:\n${faults.map(faultText).join('\n')}`,
  ].join('\n');
}

function faultText({ position, index, what, problem }: AuditFault): string {
  const place = position === null ? '' : ` (position ${position}${index === null ? '' : `, entry ${index}`})`;
  return `  ${what}${place}: ${problem}`;
}
