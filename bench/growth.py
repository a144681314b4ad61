def growth(): return []
