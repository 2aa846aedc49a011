import { LEDGER_ROWS } from './panels-ledger.mjs';
import { MACHINERY_ROWS } from './panels-machinery.mjs';

/**
 * What the dashboard shows, row by row. Every query is of the chosen ledgers, most of the chosen pods only.
 * @typedef {{ title: string, about: string, unit?: string, stat?: boolean, queries: readonly (readonly [expr: string, legend: string])[], thresholds?: readonly number[], max?: number, stack?: boolean }} Panel
 * @typedef {{ title: string, panels: readonly Panel[] }} Row
 */

/** @type {readonly Row[]} */
export const ROWS = [...LEDGER_ROWS, ...MACHINERY_ROWS];
