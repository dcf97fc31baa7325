-- Who became a person.
CREATE INDEX users_merged_into ON users (merged_into);
