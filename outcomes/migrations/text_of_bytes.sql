-- A body as text for whoever takes deliveries away: UTF-8 as it is; bytes that are no text of PostgreSQL's, such as a
-- zero or half a character where the body was cut, as \ooo, so that no delivery fails a list.
CREATE FUNCTION text_of_bytes(body bytea) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog AS $$
BEGIN
    RETURN convert_from(body, 'UTF8');
EXCEPTION WHEN character_not_in_repertoire OR untranslatable_character THEN
    RETURN encode(body, 'escape');
END $$;
