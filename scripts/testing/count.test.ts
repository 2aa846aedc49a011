import { expect, test } from 'vitest';
import { countTests } from './count.mjs';

const file = (name: string, status: string, ...tests: string[]) => ({
  name,
  status,
  assertionResults: tests.map((one, index) => ({ status: one, fullName: `test ${index}` })),
});
const report = (...testResults: unknown[]) => ({ testResults });

test('every test counts, and the coverage counts as one more', () => {
  const two = report(file('a', 'passed', 'passed', 'passed'), file('b', 'passed', 'passed', 'skipped', 'todo'));
  expect(countTests(two, 0, true)).toEqual({ passed: 4, failed: 0, skipped: 2, failedTests: [], faults: [] });
});

test('each failed test counts once and is named, and the resulting exit code does not count in addition', () => {
  const one = report(file('a', 'failed', 'passed', 'failed', 'failed'));
  expect(countTests(one, 1, false)).toEqual({
    passed: 1,
    failed: 2,
    skipped: 0,
    failedTests: ['a > test 1', 'a > test 2'],
    faults: [],
  });
});

test('a file that could not be loaded counts as failed', () => {
  const count = countTests(report(file('a', 'failed'), file('b', 'passed', 'passed')), 1, false);
  expect(count).toMatchObject({ passed: 1, failed: 1, faults: ['a could not be run'] });
});

test('an exit code that no test explains is a failure: coverage below its threshold', () => {
  const count = countTests(report(file('a', 'passed', 'passed')), 1, true);
  expect(count).toMatchObject({ passed: 1, failed: 1 });
});

test.each([
  ['no report', undefined, 0],
  ['a broken report', { testResults: 3 }, 0],
  ['a run that was killed before it wrote anything', undefined, null],
])('%s is a failure', (_name, content, exitCode) => {
  expect(countTests(content, exitCode, true)).toMatchObject({ passed: 0, failed: 1 });
});

test('a run that is killed after its report is a failure', () => {
  expect(countTests(report(file('a', 'passed', 'passed')), null, true).failed).toBe(1);
});

test('a run without any test is a failure', () => {
  expect(countTests(report(), 0, true).failed).toBe(1);
  expect(countTests(report(file('a', 'passed', 'skipped')), 0, true).failed).toBe(1);
});

test('a run without coverage is a failure', () => {
  expect(countTests(report(file('a', 'passed', 'passed')), 0, false)).toMatchObject({ passed: 1, failed: 1 });
});
