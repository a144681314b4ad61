def allocations(): return []
def memory(): return []
def start(): return []
