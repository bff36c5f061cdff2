//! A component that exports `wasi:filesystem/preopens` and returns no directory.

use wasm_encoder::{
    Alias, CanonicalFunctionSection, CanonicalOption, CodeSection, Component, ComponentAliasSection,
    ComponentExportKind, ComponentExportSection, ComponentImportSection, ComponentInstanceSection, ComponentTypeRef,
    ComponentTypeSection, ComponentValType, ExportKind, ExportSection, Function, FunctionSection, InstanceSection,
    InstanceType, MemorySection, MemoryType, Module, ModuleArg, ModuleSection, PrimitiveValType, TypeBounds,
    TypeSection, ValType,
};

const DESCRIPTOR: &str = "descriptor";
const GET_DIRECTORIES: &str = "get-directories";
const MEMORY: &str = "memory";

/// The component in the binary format. `preopens` and `types` are the names of the interfaces with their versions, as
/// a middleware imports them, because the descriptors in its (empty) list have the type of that version.
///
/// In the text format:
///
/// ```wat
/// (component
///   (import "{types}" (instance $types (export "descriptor" (type (sub resource)))))
///   (alias export $types "descriptor" (type $descriptor))
///   (core module $code
///     (memory (export "memory") 1)
///     (func (export "get-directories") (result i32) (i32.const 0)))
///   (core instance $instance (instantiate $code))
///   (alias core export $instance "memory" (core memory $memory))
///   (type $directories (func (result (list (tuple (own $descriptor) string)))))
///   (func $get (type $directories)
///     (canon lift (core func $instance "get-directories") (memory $memory)))
///   (instance $preopens
///     (export "descriptor" (type $descriptor))
///     (export "get-directories" (func $get)))
///   (export "{preopens}" (instance $preopens)))
/// ```
pub(crate) fn component(preopens: &str, types: &str) -> Vec<u8> {
    let mut component = Component::new();
    // Each index below counts the items of its kind in the order of the text.
    let (types_type, descriptor, own, tuple, list, directories) = (0, 1, 2, 3, 4, 5);

    let mut exports_descriptor = InstanceType::new();
    exports_descriptor.export(DESCRIPTOR, ComponentTypeRef::Type(TypeBounds::SubResource));
    component.section(ComponentTypeSection::new().instance(&exports_descriptor));
    component.section(ComponentImportSection::new().import(types, ComponentTypeRef::Instance(types_type)));
    let kind = ComponentExportKind::Type;
    component.section(ComponentAliasSection::new().alias(Alias::InstanceExport {
        instance: 0,
        kind,
        name: DESCRIPTOR,
    }));

    component.section(&ModuleSection(&code()));
    let no_arguments: [(&str, ModuleArg); 0] = [];
    component.section(InstanceSection::new().instantiate(0, no_arguments));
    let export = |kind, name| Alias::CoreInstanceExport { instance: 0, kind, name };
    let mut of_code = ComponentAliasSection::new();
    of_code.alias(export(ExportKind::Memory, MEMORY)).alias(export(ExportKind::Func, GET_DIRECTORIES));
    component.section(&of_code);

    let mut types = ComponentTypeSection::new();
    types.defined_type().own(descriptor);
    let string = ComponentValType::Primitive(PrimitiveValType::String);
    types.defined_type().tuple([ComponentValType::Type(own), string]);
    types.defined_type().list(ComponentValType::Type(tuple));
    let no_parameters: [(&str, ComponentValType); 0] = [];
    types.function().params(no_parameters).result(Some(ComponentValType::Type(list)));
    component.section(&types);
    component.section(CanonicalFunctionSection::new().lift(0, directories, [CanonicalOption::Memory(0)]));

    let items = [(DESCRIPTOR, ComponentExportKind::Type, descriptor), (GET_DIRECTORIES, ComponentExportKind::Func, 0)];
    component.section(ComponentInstanceSection::new().export_items(items));
    component.section(ComponentExportSection::new().export(preopens, ComponentExportKind::Instance, 1, None));
    component.finish()
}

/// The core module. The list has no elements: address and length are 0, as in new memory.
fn code() -> Module {
    let mut types = TypeSection::new();
    types.ty().function([], [ValType::I32]);
    let mut memories = MemorySection::new();
    memories.memory(MemoryType { minimum: 1, maximum: None, memory64: false, shared: false, page_size_log2: None });
    let mut exports = ExportSection::new();
    exports.export(MEMORY, ExportKind::Memory, 0).export(GET_DIRECTORIES, ExportKind::Func, 0);
    let mut function = Function::new([]);
    function.instructions().i32_const(0).end();
    let mut code = CodeSection::new();
    code.function(&function);
    let mut module = Module::new();
    module.section(&types).section(FunctionSection::new().function(0)).section(&memories);
    module.section(&exports).section(&code);
    module
}
