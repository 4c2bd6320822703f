/** What a database has besides its content: a dump of one database carries none of it. */
import { type PostgresClient, quoteName, quoteText } from "./client.ts";
import type { FreshCluster } from "./fresh-cluster.ts";

/** A server that answers queries, or the throwaway one that a whole dump was restored into. */
type Source = Pick<PostgresClient | FreshCluster, "ask">;

export interface DatabaseProperties {
  owner: string;
  encoding: string;
  collate: string;
  ctype: string;
  /** `c` libc, `i` ICU, `b` builtin. */
  provider: string;
  /** Of ICU and builtin. */
  locale: string | null;
  connectionLimit: number;
  comment: string | null;
  grants: { grantee: string | null; privilege: string; option: boolean }[];
  /** ALTER DATABASE … SET, and ALTER ROLE … IN DATABASE … SET, as they are stored. */
  settings: { role: string | null; entries: string[] }[];
}

/** Null where there is no such database. */
export async function databaseProperties(
  source: Source,
  database: string,
): Promise<DatabaseProperties | null> {
  const name = quoteText(database);
  const selects = [
    `select pg_get_userbyid(datdba) as owner, pg_encoding_to_char(encoding) as encoding,
      datcollate as collate, datctype as ctype, datconnlimit as "connectionLimit",
      coalesce(to_jsonb(d)->>'datlocprovider', 'c') as provider,
      coalesce(to_jsonb(d)->>'datlocale', to_jsonb(d)->>'daticulocale') as locale,
      shobj_description(oid, 'pg_database') as comment
      from pg_database d where datname = ${name}`,
    `select case grantee when 0 then null else pg_get_userbyid(grantee) end as grantee,
      privilege_type as privilege, is_grantable as option
      from pg_database, aclexplode(datacl) where datname = ${name}`,
    `select case setrole when 0 then null else pg_get_userbyid(setrole) end as role,
      setconfig as entries from pg_db_role_setting
      where setdatabase = (select oid from pg_database where datname = ${name})`,
  ];
  const [databases, grants, settings] = await source.ask(
    selects.map((select) => ({ database: "postgres", select })),
  );
  const [found] = databases ?? [];
  return found === undefined ? null : ({ ...found, grants, settings } as DatabaseProperties);
}

/** Makes an empty database like that; without properties, like the server's own default. */
export async function createDatabase(
  client: Pick<PostgresClient, "execute">,
  name: string,
  like: DatabaseProperties | null,
): Promise<void> {
  const create = `CREATE DATABASE ${quoteName(name)} TEMPLATE template0${like === null ? "" : optionsOf(like)}`;
  await client.execute("postgres", [create], 120_000);
}

function optionsOf(like: DatabaseProperties): string {
  const { owner, encoding, collate, ctype, provider, locale } = like;
  const named = locale === null ? "" : quoteText(locale);
  const other = {
    i: ` LOCALE_PROVIDER icu ICU_LOCALE ${named}`,
    b: ` LOCALE_PROVIDER builtin BUILTIN_LOCALE ${named}`,
  }[provider];
  const places = ` LC_COLLATE ${quoteText(collate)} LC_CTYPE ${quoteText(ctype)}`;
  return ` OWNER ${quoteName(owner)} ENCODING ${quoteText(encoding)}${places}${locale === null ? "" : (other ?? "")}`;
}

/** Gives a database the grants, settings, limit and comment of another one. */
export async function giveProperties(
  client: PostgresClient,
  name: string,
  { grants, settings, connectionLimit, comment }: DatabaseProperties,
): Promise<void> {
  const database = `DATABASE ${quoteName(name)}`;
  const statements = [
    ...(grants.length === 0 ? [] : [`REVOKE ALL ON ${database} FROM PUBLIC`]),
    ...grants.map(({ grantee, privilege, option }) => {
      const to = grantee === null ? "PUBLIC" : quoteName(grantee);
      return `GRANT ${privilege} ON ${database} TO ${to}${option ? " WITH GRANT OPTION" : ""}`;
    }),
    `ALTER ${database} CONNECTION LIMIT ${connectionLimit}`,
    ...(comment === null ? [] : [`COMMENT ON ${database} IS ${quoteText(comment)}`]),
    // As they are: the quoting of lists such as search_path would not survive ALTER DATABASE.
    ...settings.map(({ role, entries }) => {
      const of =
        role === null ? "0" : `(SELECT oid FROM pg_roles WHERE rolname =${quoteText(role)})`;
      return `INSERT INTO pg_catalog.pg_db_role_setting
        SELECT (SELECT oid FROM pg_database WHERE datname =${quoteText(name)}), ${of},
        ARRAY(SELECT json_array_elements_text(${quoteText(JSON.stringify(entries))}))`;
    }),
  ];
  await client.execute("postgres", statements);
}
