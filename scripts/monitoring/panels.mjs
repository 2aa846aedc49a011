import { LEDGER_ROWS } from './panels-ledger.mjs';
import { MACHINERY_ROWS } from './panels-machinery.mjs';

/**
 * The rows of the dashboard. Every query is limited to the selected ledgers, and most to the selected pods.
 * @typedef {{ title: string, about: string, unit?: string, stat?: boolean, queries: readonly (readonly [expr: string, legend: string])[], thresholds?: readonly number[], max?: number, stack?: boolean }} Panel
 * @typedef {{ title: string, panels: readonly Panel[] }} Row
 */

/** @type {readonly Row[]} */
export const ROWS = [...LEDGER_ROWS, ...MACHINERY_ROWS];
