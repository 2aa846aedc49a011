import { expect, it } from 'vitest';
import { reportOf, samplesOf, summaryOf } from './report.ts';

const TEXT = `timeStamp,elapsed,label,responseCode,threadName,dataType,success,bytes
1000,10,transfer,201,transfers 1-1,text,true,600
1500,30,transfer,503,transfers 1-2,text,false,200
3000,2,balance,200,reads 2-1,text,true,150
`;

it('reads what JMeter has written, and summarizes it by kind of request', () => {
  const samples = samplesOf(TEXT);
  expect(samples[1]).toEqual({ label: 'transfer', startMs: 1500, elapsedMs: 30, good: false, code: '503' });
  expect(summaryOf(samples)).toMatchObject({
    transfer: { requests: 2, wrong: 1, 'per second': 1, max: 30 },
    balance: { requests: 1, wrong: 0, p50: 2 },
  });
  expect(reportOf(samples)).toMatch(/<th>transfer<\/th><td>2<\/td><td>1<\/td>/);
});

it('rejects results without the required columns', () => {
  expect(() => samplesOf('timeStamp,elapsed\n1,2')).toThrow('no column label');
});
