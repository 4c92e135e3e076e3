// DuckDB on the same rows: node peer.mjs episodes.parquet. The table is loaded
// first, which is not timed; each job runs seven times and the best counts. One
// line a job on stdout: name, seconds, then name=value pairs.
import { DuckDBInstance } from '@duckdb/node-api';

const file = process.argv[2].replaceAll("'", "''");
const instance = await DuckDBInstance.create(':memory:', { threads: '2' });
const connection = await instance.connect();
await connection.run(`CREATE TABLE episodes AS SELECT * FROM read_parquet('${file}')`);

async function job(name, sql, values) {
  let best = Infinity;
  let rows;
  for (let i = 0; i < 7; i++) {
    const start = performance.now();
    rows = (await connection.runAndReadAll(sql)).getRowObjects();
    best = Math.min(best, (performance.now() - start) / 1000);
  }
  const text = Object.entries(values(rows)).map(([k, v]) => `${k}=${v}`);
  console.log([name, best.toFixed(4), ...text].join('\t'));
}

await job('grouped_means',
  `SELECT region, treated, month, count(*) AS n, avg(y) AS mean, stddev_samp(y) AS sd
   FROM episodes GROUP BY ALL ORDER BY ALL`,
  (rows) => ({ groups: rows.length, n: Number(rows[0].n), mean: rows[0].mean, sd: rows[0].sd }));
