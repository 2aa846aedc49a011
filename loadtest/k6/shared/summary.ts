interface Metric {
  type: string;
  values: Record<string, number>;
  thresholds?: Record<string, { ok: boolean }>;
}

interface Summary {
  metrics: Record<string, Metric>;
  state: { testRunDurationMs: number };
}

const shown = (value: number): string => (Number.isInteger(value) ? String(value) : value.toFixed(2));

function linesOf([name, { values, thresholds = {} }]: [string, Metric]): string[] {
  const figures = Object.entries(values).map(([what, value]) => `${what} ${shown(value)}`);
  const limits = Object.entries(thresholds).map(([limit, { ok }]) => `    ${ok ? 'kept  ' : 'BROKEN'} ${limit}`);
  return [`  ${name}: ${figures.join(', ')}`, ...limits];
}

const SHOWN =
  /^(http_req_(duration|failed)|http_reqs|checks|dropped_iterations|vus_max|transfers_|refusal|served_|ids_)/;

/**
 * Prints the essentials on the terminal, and writes everything to the file that SUMMARY_JSON names. k6 itself
 * writes the HTML report, to the file that K6_WEB_DASHBOARD_EXPORT names.
 */
export function handleSummary(data: Summary): Record<string, string> {
  const shown = Object.entries(data.metrics).filter(([name]) => SHOWN.test(name));
  const text = `${shown.flatMap(linesOf).join('\n')}\n`;
  const file = __ENV['SUMMARY_JSON'];
  return { stdout: text, ...(file ? { [file]: `${JSON.stringify(data, null, 1)}\n` } : {}) };
}
