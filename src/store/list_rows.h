#pragma once

#include <vector>

#include "ports/database.h"
#include "store/lists.h"

/// Inside of store/lists: the rows that follow a guard. Each statement asks for its mark.
namespace store {

[[nodiscard]] ports::Statement StoreItem(const ListWrite& write, const domain::Item& item);
[[nodiscard]] ports::Statement LogChange(const ListWrite& write, const LoggedChange& logged);
/// What a purge takes out of the log and of kept answers.
void AddPurge(const ListWrite& write, std::vector<ports::Statement>& out);

}  // namespace store
