import { Problem } from './problem.ts';

/**
 * The problems for ids without an outcome. A caller that may not see an outcome gets the same ones, so that it cannot tell
 * whether the id exists.
 */
export const transferNotFound = (transactionId: string): Problem =>
  new Problem('transfer_not_found', `transfer ${transactionId} does not exist`);
export const groupNotFound = (groupId: string): Problem =>
  new Problem('group_not_found', `group ${groupId} does not exist`);
export const holdNotFound = (holdId: string): Problem =>
  new Problem('hold_not_found', `hold ${holdId} does not exist`, { holdId });
