-- Issuing join tokens has a scope of its own, which keys that may write had until now.
UPDATE api_keys
SET scopes = array_append(scopes, 'join')
WHERE 'write' = ANY (scopes) AND NOT 'join' = ANY (scopes);
