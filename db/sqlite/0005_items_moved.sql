-- Where an item that is erased for good has been before: a restored database may have it there.
CREATE INDEX items_by_move ON items (id) WHERE gone = 'moved';
