-- policies is a JSON list of names of managed policies and of documents. A key
-- that was there before may do everything. expires_us is 0 for "never".
ALTER TABLE access_keys ADD COLUMN name TEXT NOT NULL DEFAULT '';
ALTER TABLE access_keys ADD COLUMN expires_us BIGINT NOT NULL DEFAULT 0;
ALTER TABLE access_keys ADD COLUMN policies TEXT NOT NULL DEFAULT '["IVSFullAccess"]';
