/** Summarizes a run of Vitest in numbers. A run without results counts as failed. */

/**
 * @typedef {{ passed: number, failed: number, skipped: number, failedTests: string[], faults: string[] }} Count
 * `failedTests`: their files and names. `faults`: failures that are not tests.
 */

/**
 * @param {unknown} report what Vitest's JSON reporter wrote; undefined if it wrote nothing
 * @param {number | null} exitCode null if it was killed
 * @param {boolean} coverageWritten
 * @returns {Count} every test, and the coverage as one more
 */
export function countTests(report, exitCode, coverageWritten) {
  const files = filesOf(report);
  if (files === null) return { passed: 0, failed: 1, skipped: 0, failedTests: [], faults: ['Vitest left no results'] };
  /** @type {Count} */
  const count = { passed: 0, failed: 0, skipped: 0, failedTests: [], faults: [] };
  for (const { name, status, assertionResults } of files) {
    const statuses = assertionResults.map((test) => test.status);
    const failedTests = assertionResults.filter((test) => test.status === 'failed');
    const failed = failedTests.length;
    count.passed += statuses.filter((one) => one === 'passed').length;
    count.failed += failed;
    count.failedTests.push(...failedTests.map((test) => `${name} > ${test.fullName}`));
    count.skipped += statuses.filter((one) => one !== 'passed' && one !== 'failed').length;
    // The file could not be loaded, or one of its hooks failed; no single test reports either.
    if (status === 'failed' && failed === 0) count.faults.push(`${name} could not be run`);
  }
  if (count.passed + count.failed === 0) count.faults.push('no test was run');
  if (exitCode === 0) {
    if (coverageWritten) count.passed += 1;
    else count.faults.push('the coverage is missing');
  } else if (count.failed + count.faults.length === 0) {
    count.faults.push('coverage below its thresholds, or an error outside of all tests (see above)');
  }
  count.failed += count.faults.length;
  return count;
}

/**
 * @param {unknown} report
 * @returns {{ name: string, status: string, assertionResults: { status: string, fullName: string }[] }[] | null}
 */
function filesOf(report) {
  if (typeof report !== 'object' || report === null || !('testResults' in report)) return null;
  return Array.isArray(report.testResults) ? report.testResults : null;
}
