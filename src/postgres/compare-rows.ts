/** Rows of restored tables against those that a dump's text has for them. */
import type { Question } from "./ask.ts";
import { quoteText } from "./client.ts";
import type { DumpedTable } from "./dump-scan.ts";

export interface ExpectedRows extends DumpedTable {
  database: string;
}

/** What is not as the dump says; empty when all is. */
export async function rowProblems(
  expected: readonly ExpectedRows[],
  ask: (questions: readonly Question[]) => Promise<Record<string, unknown>[][]>,
): Promise<string[]> {
  const answers = await ask(
    expected.map(({ database, name }) => ({ database, select: countOf(name) })),
  );
  return expected.flatMap(({ database, name, rows }, at) => {
    const { count = null, isOfExtension } = answers[at]?.[0] ?? {};
    // Its script fills such a table too: the dump has only the rows that were added.
    const isThere = isOfExtension === true ? Number(count) >= rows : count === rows;
    return isThere ? [] : [`${database}: ${name} has ${count} rows, not ${rows}`];
  });
}

/**
 * Of a table as dumps name it, without those that inherit from it; of a partitioned one, which has
 * no rows itself, with its partitions: a dump names it with `--load-via-partition-root`.
 */
function countOf(table: string): string {
  return `select case relkind when 'p' then (select count(*) from ${table})
      else (select count(*) from only ${table}) end as count,
    exists (select from pg_catalog.pg_depend where classid = 'pg_catalog.pg_class'::regclass
      and objid = c.oid and deptype = 'e') as "isOfExtension"
    from pg_catalog.pg_class c where oid =${quoteText(table)}::regclass`;
}
