-- Which way a call went through menus, as JSON.
ALTER TABLE calls ADD COLUMN menus TEXT;
