import type { Outcome } from '../../app/domain/types.ts';
import type { Answer } from '../check/history.ts';

/** An answer in a few words, for the trace. */
export const said = (answer: Answer<unknown>): string => {
  if (answer.kind === 'problem') return answer.code;
  if (answer.kind !== 'told') return answer.kind;
  const outcome = answer.value as Partial<Outcome>;
  if (outcome.status === 'POSTED' && outcome.source && outcome.destination) {
    const { source, destination, replayed, epoch, seq } = outcome;
    return `${replayed ? 'again ' : ''}${source.balance} v${source.version} > ${destination.balance} v${destination.version} (${epoch}/${seq})`;
  }
  if (outcome.status === 'REJECTED')
    return `${outcome.replayed ? 'again ' : ''}${outcome.refusal} (${outcome.epoch}/${outcome.seq})`;
  return 'told';
};

/** For the hash of a run. */
export function hashOf(text: string): number {
  let hash = 0;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash;
}
