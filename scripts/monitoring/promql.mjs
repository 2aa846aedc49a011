/** Pieces of the dashboard's queries: limited to the selected ledgers and pods. */
export const LEDGER = 'namespace=~"$namespace",release=~"$release"';
/** Process metrics have no label `shard`, and neither do the metrics of a ledger with only one shard. */
export const PODS = `${LEDGER},pod=~"$pod",shard=~"$shard|"`;

/**
 * @param {string} metric
 * @param {string} [more]
 */
export const rate = (metric, more = '') => `rate(${metric}{${PODS}${more && `,${more}`}}[$__rate_interval])`;

/**
 * @param {string} metric
 * @param {readonly number[]} of
 * @param {string} [more]
 * @param {string} [name]
 * @returns {(readonly [string, string])[]}
 */
export const quantiles = (metric, of, more = '', name = '') =>
  of.map((q) => [
    `histogram_quantile(${q}, sum by (le) (${rate(`${metric}_bucket`, more)}))`,
    `${name}${name && ' '}p${q * 100}`,
  ]);

/**
 * @param {string} metric
 * @param {string} [more]
 */
export const gauge = (metric, more = '') => `${metric}{${PODS}${more && `,${more}`}}`;
